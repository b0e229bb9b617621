-- Create a job. ARGV: idempotency key or '', fingerprint, seconds to keep that key, maximal items
-- and maximal number of the lane's open jobs, ms until the deadline or '', number of messages for the
-- workers of its lane, those messages, then fields and values of the record.
-- Returns {'created', status} or {'abandoned' | 'full' | 'conflict'} or {'replay', id of the earlier job}.
local key, fingerprint, retention_s = ARGV[1], ARGV[2], ARGV[3]
local max_open_items, max_open_jobs = tonumber(ARGV[4]), tonumber(ARGV[5])
local deadline_ms, messages = tonumber(ARGV[6]), tonumber(ARGV[7])
if redis.call('EXISTS', job) == 1 then
  return { 'created', read_status() } -- the reply was lost, and the client repeated this command
end
-- The reconciler deletes the objects of a job whose acceptance takes too long.
if tonumber(redis.call('ZSCORE', ACCEPTING, job_id) or 0) == 0 then
  return { 'abandoned' }
end
if key ~= '' then
  local earlier = redis.call('HMGET', key, 'fingerprint', 'job')
  if earlier[1] and earlier[1] ~= fingerprint then
    return { 'conflict' }
  end
  if earlier[2] and redis.call('EXISTS', JOB .. earlier[2]) == 1 then
    return { 'replay', earlier[2] }
  end
end
redis.call('HSET', job, unpack(ARGV, 8 + messages))
-- Each lane has room of its own: a flood of batch jobs must not keep interactive ones out.
local lane = redis.call('HGET', job, 'lane')
local waiting = number('total') + count(redis.pcall('HGET', WAITING, lane))
if waiting > max_open_items or redis.call('ZCARD', OPEN .. lane) >= max_open_jobs then
  redis.call('DEL', job)
  return { 'full' }
end
local time = now()
-- Tokens begin at the current time, so a rebuilt record never repeats a token of the lost one.
redis.call('HSET', job, 'state', 'queued', 'created', integer(time), 'token', integer(time))
if deadline_ms then
  redis.call('HSET', job, 'deadline', integer(time + deadline_ms))
end
redis.call('SETRANGE', job .. ITEMS, number('total') - 1, '\0')
redis.call('ZADD', JOBS, 0, job_id)
note_dataset()
if key ~= '' then
  redis.call('HSET', key, 'fingerprint', fingerprint, 'job', job_id)
  redis.call('EXPIRE', key, retention_s)
end
redis.call('ZREM', ACCEPTING, job_id)
enqueue(time)
publish_job()
if messages > 0 then
  -- The reconciler sends what a damaged queue does not take.
  redis.pcall('LPUSH', QUEUE .. lane, unpack(ARGV, 8, 7 + messages))
end
return { 'created', read_status() }
