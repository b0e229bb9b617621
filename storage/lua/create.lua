-- A new job. ARGV: idempotency key or '', fingerprint, seconds to keep the key, most open items,
-- deadline in ms or '', then fields and values of the record.
-- Answers {'created' | 'full' | 'conflict' | 'replay', id of the earlier job}.
if redis.call('EXISTS', job) == 1 then
  return { 'created' } -- this very call, sent again after its answer was lost
end
local key, fingerprint = ARGV[1], ARGV[2]
if key ~= '' then
  local earlier = redis.call('HMGET', key, 'fingerprint', 'job')
  if earlier[1] and earlier[1] ~= fingerprint then
    return { 'conflict' }
  end
  if earlier[2] and redis.call('EXISTS', 'rm:job:' .. earlier[2]) == 1 then
    return { 'replay', earlier[2] }
  end
end
local fields = {}
for i = 6, #ARGV do
  fields[#fields + 1] = ARGV[i]
end
redis.call('HSET', job, unpack(fields))
local total, waiting = field('total'), 0
for _, items in ipairs(redis.call('HVALS', 'rm:waiting')) do
  waiting = waiting + tonumber(items)
end
if waiting + total > tonumber(ARGV[4]) then
  redis.call('DEL', job)
  return { 'full' }
end
local time = now()
-- Tokens begin at the time, so that a rebuilt record never gives out those of its former life.
redis.call('HSET', job, 'state', 'queued', 'created', whole(time), 'token', whole(time))
if ARGV[5] ~= '' then
  redis.call('HSET', job, 'deadline', whole(time + tonumber(ARGV[5])))
end
redis.call('SETRANGE', job .. ':items', total - 1, '\0')
redis.call('ZADD', 'rm:jobs', 0, id)
if key ~= '' then
  redis.call('HSET', key, 'fingerprint', fingerprint, 'job', id)
  redis.call('EXPIRE', key, ARGV[3])
end
open(total, time)
tell_job()
return { 'created' }
