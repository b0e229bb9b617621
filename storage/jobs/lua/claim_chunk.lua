-- Lease a chunk that has unfinished items to a worker. ARGV: lease in ms, worker, then the names of
-- fields of the record.
-- Returns {chunk, fencing token, bytes of its items, values of the fields}, or nothing.
local lease_ms, worker = tonumber(ARGV[1]), ARGV[2]
local time, deadline = now(), number('deadline')
if claimable_chunks() == 0 or (deadline > 0 and time >= deadline) then
  return false
end
while true do
  local chunk = redis.call('SPOP', job .. REDO)
  if not chunk then
    if number('cursor') >= number('chunks') then
      return false
    end
    chunk = integer(redis.call('HINCRBY', job, 'cursor', 1) - 1)
  end
  local bytes = read_chunk(tonumber(chunk))
  if string.find(bytes, UNFINISHED) then
    local token = integer(redis.call('HINCRBY', job, 'token', 1))
    redis.call('HSET', job .. TOKENS, chunk, token .. ' ' .. worker)
    redis.call('ZADD', job .. LEASES, integer(time + lease_ms), chunk)
    redis.call('HSET', job, 'touched', integer(time), 'patience', 0, 'lease_ms', integer(lease_ms))
    return { tonumber(chunk), token, bytes, redis.call('HMGET', job, unpack(ARGV, 3)) }
  end
end
