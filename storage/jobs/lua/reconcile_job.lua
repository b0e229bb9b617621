-- Reconcile an open job. ARGV: lease in ms, time in ms that Redis's clock should show, 0 if no lease
-- may expire now.
-- Returns the error DAMAGED if the job is open and its record is damaged, else
-- {expired 0 or 1, claimable chunks, message presumed lost 0 or 1, chunks to seal,
--          "chunk token worker" of each expired lease}.
local STEP_MS = 2000 -- a difference from the expected time that is a step of the clock
local LONGEST_PATIENCE = 16 -- leases
local lease_ms, expected = tonumber(ARGV[1]), tonumber(ARGV[2])
local fault = record_fault()
if fault then
  return redis.error_reply('DAMAGED ' .. fault)
end
if not is_open() then
  for _, lane in ipairs(LANES) do
    redis.call('ZREM', OPEN .. lane, job_id)
  end
  return { 0, 0, 0, {}, {} }
end
local time, deadline = now(), number('deadline')
if deadline > 0 and time >= deadline then
  finalize('expired', 'expired')
  return { 1, 0, 0, {}, {} }
end
local sealable, expired_leases = {}, {}
-- A lease that ends later than a lease from now was given before the clock was set back.
local longest = integer(time + math.max(lease_ms, number('lease_ms')))
for _, chunk in ipairs(redis.call('ZRANGEBYSCORE', job .. LEASES, '(' .. longest, '+inf')) do
  redis.call('ZADD', job .. LEASES, longest, chunk)
end
local is_steady = expected > 0 and math.abs(time - expected) < STEP_MS
local latest = is_steady and integer(time) or -1
for _, chunk in ipairs(redis.call('ZRANGEBYSCORE', job .. LEASES, 0, latest)) do
  local holder = redis.call('HGET', job .. TOKENS, chunk) or ''
  expired_leases[#expired_leases + 1] = chunk .. ' ' .. holder
  if end_lease(chunk) then
    sealable[#sealable + 1] = chunk
  end
end
-- A job that has work and no lease for a whole lease time lost its message, or waits in a long
-- queue. Each message that is sent for this reason doubles the wait for the next one, so that the
-- messages do not fill the queue.
local message_lost, chunks = 0, claimable_chunks()
local is_leased = redis.call('ZCARD', job .. LEASES) > 0
if chunks == 0 and not is_leased then
  -- Its counts are wrong: a step that commits the last item also finalizes the job.
  return redis.error_reply('DAMAGED it has no chunk to claim, and has not ended')
end
if not is_leased then
  local touched = number('touched')
  if touched == 0 then
    touched = number('created')
  end
  if touched > time then
    touched = time
    redis.call('HSET', job, 'touched', integer(time))
  end
  local idle = time - touched
  if idle >= math.max(lease_ms, number('patience')) then
    message_lost = 1
    local patience = math.min(2 * idle, LONGEST_PATIENCE * lease_ms)
    redis.call('HSET', job, 'patience', integer(patience))
  end
end
return { 0, chunks, message_lost, sealable, expired_leases }
