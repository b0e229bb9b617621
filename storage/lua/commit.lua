-- The one terminal transition of an item, with all that follows from it; of several in one step.
-- ARGV: chunk, token, then of each item: index, outcome (2 or 3), result, event, cached (0 or 1),
-- number of cells of its confusion matrix, cells and pixels.
-- Answers how many ended with this; an item that had ended is passed over.
local chunk, at, ended = ARGV[1], 3, 0
while at <= #ARGV and is_open() and holds(chunk, ARGV[2]) do
  local index, outcome, cells = tonumber(ARGV[at]), tonumber(ARGV[at + 1]), tonumber(ARGV[at + 5])
  local state, attempts = read_item(index)
  if state == QUEUED or state == RUNNING then
    start()
    write_item(index, outcome, attempts)
    if state == RUNNING then
      redis.call('HINCRBY', job, 'running', -1)
    end
    redis.call('HINCRBY', job, outcome == SUCCEEDED and 'succeeded' or 'failed', 1)
    redis.call('HINCRBY', job, 'cached', ARGV[at + 4])
    redis.call('HSET', job .. ':results:' .. chunk, index, ARGV[at + 2])
    redis.call('SADD', job .. ':unsealed', chunk)
    if cells > 0 then
      redis.call('HINCRBY', job, 'scored', 1)
    end
    for i = at + 6, at + 5 + 2 * cells, 2 do
      redis.call('HINCRBY', job .. ':confusion', ARGV[i], ARGV[i + 1])
    end
    tell('item', ARGV[at + 3])

    local lane = redis.call('HGET', job, 'lane')
    local rate = 'rm:rate:' .. lane .. ':' .. whole(math.floor(now() / 10000))
    redis.call('INCR', rate)
    redis.call('EXPIRE', rate, 90)
    redis.call('HINCRBY', 'rm:waiting', lane, -1)
    close_when_done()
    ended = ended + 1
  end
  at = at + 6 + 2 * cells
end
return ended
