-- The one terminal transition of an item, with all that follows from it.
-- ARGV: chunk, token, index, outcome (2 or 3), result, event, cached (0 or 1),
-- then cells of its confusion matrix and their pixels. Answers 1, or 0 when refused.
local chunk, index, outcome = ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4])
if not is_open() or not holds(chunk, ARGV[2]) then
  return 0
end
local state, attempts = read_item(index)
if state ~= QUEUED and state ~= RUNNING then
  return 0
end
write_item(index, outcome, attempts)
if state == RUNNING then
  redis.call('HINCRBY', job, 'running', -1)
end
redis.call('HINCRBY', job, outcome == SUCCEEDED and 'succeeded' or 'failed', 1)
redis.call('HINCRBY', job, 'cached', ARGV[7])
redis.call('HSET', job .. ':results:' .. chunk, index, ARGV[5])
redis.call('SADD', job .. ':unsealed', chunk)
if #ARGV > 7 then
  redis.call('HINCRBY', job, 'scored', 1)
end
for i = 8, #ARGV, 2 do
  redis.call('HINCRBY', job .. ':confusion', ARGV[i], ARGV[i + 1])
end
tell('item', ARGV[6])

local lane = redis.call('HGET', job, 'lane')
local rate = 'rm:rate:' .. lane .. ':' .. whole(math.floor(now() / 10000))
redis.call('INCR', rate)
redis.call('EXPIRE', rate, 90)
redis.call('HINCRBY', 'rm:waiting', lane, -1)
close_when_done()
return 1
