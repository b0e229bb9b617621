-- Save the state of a webhook delivery. ARGV: round, delivery, ms until its next attempt or '' when
-- there is none. Returns 0 when Redis no longer has the job.
local round, delivery, pause_ms = ARGV[1], ARGV[2], ARGV[3]
if redis.call('HEXISTS', job .. DELIVERIES, round) == 0 then
  return 0
end
redis.call('HSET', job .. DELIVERIES, round, delivery)
local member = job_id .. ' ' .. round
if pause_ms == '' then
  redis.call('ZREM', DUE_DELIVERIES, member)
else
  redis.call('ZADD', DUE_DELIVERIES, integer(now() + tonumber(pause_ms)), member)
end
return 1
