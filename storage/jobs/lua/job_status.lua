-- Read the status of a job. All scripts share these functions, too.

-- The rank of an open job in its lane, and the figures from which its end is estimated:
-- {rank, jobs of the lane, other jobs that were sampled, their items that come before the job's end,
--  items of the lane that ended in the last minute, ms in which they ended}.
-- Jobs of a lane take turns: each other job gets as many items done as this one needs, or ends.
local function read_queue()
  local SAMPLE = 100
  local lane, own = redis.call('HGET', job, 'lane'), remaining_items()
  local sampled, ahead = 0, 0
  for _, other in ipairs(redis.call('ZRANGE', OPEN .. lane, 0, SAMPLE)) do
    if other ~= job_id and sampled < SAMPLE then
      sampled, ahead = sampled + 1, ahead + math.min(remaining_items_of(other), own)
    end
  end
  local time = now()
  local ended, since = 0, time
  local bucket = math.floor(time / RATE_BUCKET_MS)
  for earlier = bucket, bucket - 6, -1 do
    local items = count(redis.pcall('GET', rate_key(lane, earlier)))
    if items > 0 then
      ended, since = ended + items, earlier * RATE_BUCKET_MS
    end
  end
  return {
    redis.call('ZRANK', OPEN .. lane, job_id) or 0, redis.call('ZCARD', OPEN .. lane),
    sampled, ahead, ended, time - since,
  }
end

-- The status of the job, or false if there is no such job:
-- {record, confusion, id of the last event, queue}, where `queue` of an ended job is false.
local function read_status()
  local record = redis.call('HGETALL', job)
  if #record == 0 then
    return false
  end
  local last = redis.call('XREVRANGE', job .. EVENTS, '+', '-', 'COUNT', 1)[1]
  return {
    record, redis.call('HGETALL', job .. CONFUSION), last and last[1] or '0-0',
    is_open() and read_queue(),
  }
end
