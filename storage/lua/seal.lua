-- Drop a chunk's results, now that they are in the object store. ARGV: chunk, round.
-- A retry in between began another round: then they stay until that one is sealed.
if field('round') ~= tonumber(ARGV[2]) then
  return 0
end
redis.call('DEL', job .. ':results:' .. ARGV[1])
redis.call('SREM', job .. ':unsealed', ARGV[1])
return 1
