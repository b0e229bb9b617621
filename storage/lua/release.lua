-- Give a chunk back. ARGV: chunk, token.
-- Answers {may be sealed, may be claimable, job ended and nobody holds a chunk}, each 0 or 1.
local sealable = false
if holds(ARGV[1], ARGV[2]) then
  sealable = give_back(ARGV[1], true)
end
local ended = redis.call('EXISTS', job) == 1 and not is_open()
return {
  sealable and 1 or 0,
  claimable() > 0 and 1 or 0,
  ended and redis.call('ZCARD', job .. ':leases') == 0 and 1 or 0,
}
