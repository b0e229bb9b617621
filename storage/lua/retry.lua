-- Open an ended job again: all that did not succeed waits, with no attempts counted.
-- ARGV: the round that is to begin. Answers 'reopened', 'open', 'nothing' or 'raced'.
if is_open() then
  return 'open'
end
local left = field('total') - field('succeeded')
if left == 0 then
  return 'nothing'
end
if field('round') + 1 ~= tonumber(ARGV[1]) then
  return 'raced'
end
local again = '['
for attempts = 0, 15 do
  for _, state in ipairs({ QUEUED, RUNNING, FAILED }) do
    if attempts + state > 0 then
      again = again .. string.char(attempts * 16 + state)
    end
  end
end
local items = redis.call('GET', job .. ':items')
redis.call('SET', job .. ':items', (string.gsub(items, again .. ']', '\0')))
for _, part in ipairs({ '', ':items', ':confusion', ':events', ':deliveries' }) do
  redis.call('PERSIST', job .. part)
end
redis.call('DEL', job .. ':leases', job .. ':tokens', job .. ':redo')
redis.call('SREM', 'rm:closing', id)
local time = now()
-- Claims pass over chunks that have ended, so all begins at the first one again.
redis.call('HSET', job, 'state', 'queued', 'round', ARGV[1], 'failed', 0, 'running', 0,
  'cursor', 0, 'touched', whole(time), 'patience', 0)
redis.call('HDEL', job, 'finished', 'reason')
local allowed = redis.call('HGET', job, 'deadline_ms')
if allowed then
  redis.call('HSET', job, 'deadline', whole(time + tonumber(allowed)))
end
open(left, time)
tell_job()
return 'reopened'
