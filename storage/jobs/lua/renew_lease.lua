-- Extend a lease. ARGV: chunk, token, lease in ms. Returns 0 when the lease is lost.
local chunk, token, lease_ms = ARGV[1], ARGV[2], tonumber(ARGV[3])
if not is_open() or not holds_lease(chunk, token) then
  return 0
end
redis.call('ZADD', job .. LEASES, integer(now() + lease_ms), chunk)
return 1
