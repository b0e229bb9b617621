-- How one webhook's delivery stands now. ARGV: round, delivery, ms since 1970 of its next attempt
-- or '' when there is none. Answers 0 when the job is forgotten.
if redis.call('HEXISTS', job .. ':deliveries', ARGV[1]) == 0 then
  return 0
end
redis.call('HSET', job .. ':deliveries', ARGV[1], ARGV[2])
local member = id .. ' ' .. ARGV[1]
if ARGV[3] == '' then
  redis.call('ZREM', 'rm:deliveries', member)
else
  redis.call('ZADD', 'rm:deliveries', ARGV[3], member)
end
return 1
