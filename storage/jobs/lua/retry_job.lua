-- Reopen an ended job: all items that did not succeed are queued again, with no attempts counted.
-- ARGV: the round that begins. Returns 'reopened', 'open', 'nothing' or 'raced'.
local round = ARGV[1]
if number('round') == tonumber(round) then
  return 'reopened' -- the reply was lost, and the client repeated this command
end
if is_open() then
  return 'open'
end
if number('succeeded') == number('total') then
  return 'nothing'
end
if number('round') + 1 ~= tonumber(round) then
  return 'raced'
end
local items = string.gsub(redis.call('GET', job .. ITEMS), NOT_SUCCEEDED, '\0')
redis.call('SET', job .. ITEMS, items)
persist_record()
drop_work()
redis.call('SREM', FINALIZING, job_id)
local time = now()
-- The cursor begins again: claims skip chunks without unfinished items.
redis.call('HSET', job, 'state', 'queued', 'round', round, 'failed', 0, 'running', 0,
  'cursor', 0, 'touched', integer(time), 'patience', 0)
redis.call('HDEL', job, 'finished', 'reason')
local deadline_ms = redis.call('HGET', job, 'deadline_ms')
if deadline_ms then
  redis.call('HSET', job, 'deadline', integer(time + tonumber(deadline_ms)))
end
enqueue(time)
publish_job()
return 'reopened'
