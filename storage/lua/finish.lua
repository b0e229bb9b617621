-- A job ended and all of it is in the object store: let Redis forget it in time.
-- ARGV: round, seconds to keep. Answers 0 when a retry or a late result came in between.
if is_open() or field('round') ~= tonumber(ARGV[1]) then
  return 0
end
if redis.call('SCARD', job .. ':unsealed') > 0 then
  return 0
end
redis.call('SREM', 'rm:closing', id)
redis.call('DEL', job .. ':leases', job .. ':tokens', job .. ':redo')
for _, part in ipairs({ '', ':items', ':confusion', ':events', ':deliveries' }) do
  redis.call('EXPIRE', job .. part, ARGV[2])
end
return 1
