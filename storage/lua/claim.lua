-- Hand out a chunk that has work. ARGV: lease in ms, worker.
-- Answers {chunk, token, bytes of its items} or nothing.
local deadline = field('deadline')
local time = now()
if claimable() == 0 or (deadline > 0 and time >= deadline) then
  return false
end
while true do
  local chunk = redis.call('SPOP', job .. ':redo')
  if not chunk then
    if field('cursor') >= field('chunks') then
      return false
    end
    chunk = whole(redis.call('HINCRBY', job, 'cursor', 1) - 1)
  end
  local bytes = read_chunk(tonumber(chunk))
  if string.find(bytes, UNFINISHED) then
    local token = whole(redis.call('HINCRBY', job, 'token', 1))
    redis.call('HSET', job .. ':tokens', chunk, token .. ' ' .. ARGV[2])
    redis.call('ZADD', job .. ':leases', whole(time + tonumber(ARGV[1])), chunk)
    redis.call('HSET', job, 'touched', whole(time), 'patience', 0)
    return { tonumber(chunk), token, bytes }
  end
end
