-- All that is known of some jobs, one answer for each of KEYS, or false where there is none:
-- {record, confusion, rank in its lane, items to do before its end, items of its lane that ended
--  in the last minute, ms that this took, id of the last event}.
local function status()
  local record = redis.call('HGETALL', job)
  if #record == 0 then
    return false
  end
  local confusion = redis.call('HGETALL', job .. ':confusion')
  local last = redis.call('XREVRANGE', job .. ':events', '+', '-', 'COUNT', 1)
  local last_id = last[1] and last[1][1] or '0-0'
  if not is_open() then
    return { record, confusion, -1, 0, 0, 0, last_id }
  end
  local lane = redis.call('HGET', job, 'lane')
  local queue = 'rm:open:' .. lane
  -- Jobs of a lane take turns: until this one ends, each other one gets as much done, or ends.
  local SAMPLE = 100
  local own = field('total') - field('succeeded') - field('failed')
  local others, seen = 0, 0
  for _, other in ipairs(redis.call('ZRANGE', queue, 0, SAMPLE)) do
    if other ~= id and seen < SAMPLE then
      local counts = redis.call('HMGET', 'rm:job:' .. other, 'total', 'succeeded', 'failed')
      local left = tonumber(counts[1] or 0) - tonumber(counts[2] or 0) - tonumber(counts[3] or 0)
      others, seen = others + math.min(left, own), seen + 1
    end
  end
  if seen > 0 then
    others = others * (redis.call('ZCARD', queue) - 1) / seen
  end
  local ended, began = 0, 0
  local time = now()
  local bucket = math.floor(time / 10000)
  for i = bucket, bucket - 6, -1 do
    local count = tonumber(redis.call('GET', 'rm:rate:' .. lane .. ':' .. whole(i)) or 0)
    if count > 0 then
      ended, began = ended + count, i
    end
  end
  local rank = redis.call('ZRANK', queue, id)
  return { record, confusion, rank or 0, math.floor(own + others), ended,
    ended > 0 and time - began * 10000 or 0, last_id }
end

local answers = {}
for i, key in ipairs(KEYS) do
  job, id = key, string.sub(key, 8)
  answers[i] = status()
end
return answers
