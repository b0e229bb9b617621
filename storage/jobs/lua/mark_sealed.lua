-- The results of a chunk are in the object store: delete them here. ARGV: chunk, round.
-- After a retry they belong to another round, and stay until that round is sealed.
local chunk, round = ARGV[1], tonumber(ARGV[2])
if number('round') ~= round then
  return 0
end
redis.call('DEL', job .. RESULTS .. chunk)
redis.call('SREM', job .. UNSEALED, chunk)
return 1
