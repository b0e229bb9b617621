-- Lease a webhook delivery to a sender. ARGV: round, lease in ms.
-- Returns the delivery, or nothing when it is not due, leased to another, or no longer in Redis.
local round, lease_ms = ARGV[1], tonumber(ARGV[2])
local member, time = job_id .. ' ' .. round, now()
local due = redis.call('ZSCORE', DUE_DELIVERIES, member)
if not due or tonumber(due) > time then
  return false
end
local delivery = redis.call('HGET', job .. DELIVERIES, round)
if delivery then
  redis.call('ZADD', DUE_DELIVERIES, integer(time + lease_ms), member)
else
  redis.call('ZREM', DUE_DELIVERIES, member)
end
return delivery
