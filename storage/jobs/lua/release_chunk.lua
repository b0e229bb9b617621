-- End a lease before its time. ARGV: chunk, token, then the index of each suspect.
-- Returns {chunk may be sealed, job has chunks to claim, job may be archived}, each 0 or 1.
local chunk, token = ARGV[1], ARGV[2]
local suspects = {}
for i = 3, #ARGV do
  suspects[tonumber(ARGV[i])] = true
end
local sealable = holds_lease(chunk, token) and end_lease(chunk, suspects)
local has_ended = redis.call('EXISTS', job) == 1 and not is_open()
return {
  sealable and 1 or 0,
  claimable_chunks() > 0 and 1 or 0,
  has_ended and redis.call('ZCARD', job .. LEASES) == 0 and 1 or 0,
}
