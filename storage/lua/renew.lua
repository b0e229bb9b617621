-- Lengthen a lease. ARGV: chunk, token, lease in ms. Answers 0 when it is lost.
if not is_open() or not holds(ARGV[1], ARGV[2]) then
  return 0
end
redis.call('ZADD', job .. ':leases', whole(now() + tonumber(ARGV[3])), ARGV[1])
return 1
