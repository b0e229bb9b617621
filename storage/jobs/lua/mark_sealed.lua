-- Delete the results of a chunk, which are in the object store now. ARGV: chunk, round.
-- Returns 0 after a retry: then the results are of a later round, and stay until that is sealed.
local chunk, round = ARGV[1], tonumber(ARGV[2])
if number('round') ~= round then
  return 0
end
redis.call('DEL', job .. RESULTS .. chunk)
redis.call('SREM', job .. UNSEALED, chunk)
return 1
