-- Have one webhook's delivery in hand for a while. ARGV: round, ms after which others may have it.
-- Answers the delivery, or nothing when it is not due, in other hands, or forgotten.
local member, time = id .. ' ' .. ARGV[1], now()
local due = redis.call('ZSCORE', 'rm:deliveries', member)
if not due or tonumber(due) > time then
  return false
end
local delivery = redis.call('HGET', job .. ':deliveries', ARGV[1])
if delivery then
  redis.call('ZADD', 'rm:deliveries', whole(time + ARGV[2]), member)
else
  redis.call('ZREM', 'rm:deliveries', member)
end
return delivery
