-- What the reconciler does to one open job. ARGV: lease in ms,
-- whether leases may run out (0 or 1).
-- Answers {expired 0 or 1, claimable chunks, message presumed lost 0 or 1,
--          chunks to seal, "chunk token worker" of each lease that ran out}.
if not is_open() then
  redis.call('ZREM', 'rm:open:interactive', id)
  redis.call('ZREM', 'rm:open:batch', id)
  return { 0, 0, 0, {}, {} }
end
local time, deadline = now(), field('deadline')
if deadline > 0 and time >= deadline then
  close('expired', 'expired')
  return { 1, 0, 0, {}, {} }
end
local sealable, ended = {}, {}
local late = ARGV[2] == '1' and whole(time) or -1
for _, chunk in ipairs(redis.call('ZRANGEBYSCORE', job .. ':leases', 0, late)) do
  ended[#ended + 1] = chunk .. ' ' .. (redis.call('HGET', job .. ':tokens', chunk) or '')
  if give_back(chunk, false) then
    sealable[#sealable + 1] = chunk
  end
end
-- Work that nobody claims for a lease's time had its message lost, or stands in a long queue.
-- Each message sent on that suspicion doubles the patience, so that it does not fill the queue.
local lost, chunks = 0, claimable()
if chunks > 0 and redis.call('ZCARD', job .. ':leases') == 0 then
  local touched = field('touched')
  if touched == 0 then
    touched = field('created')
  end
  local idle = time - touched
  if idle >= math.max(tonumber(ARGV[1]), field('patience')) then
    lost = 1
    redis.call('HSET', job, 'patience', whole(2 * idle))
  end
end
return { 0, chunks, lost, sealable, ended }
