-- Enter a job into those indexes of all jobs that lack it.
-- Returns the error DAMAGED if the job is open and its record is damaged.
local fault = record_fault()
if fault then
  return redis.error_reply('DAMAGED ' .. fault)
end
redis.call('ZADD', JOBS, 0, job_id)
note_dataset()
if is_open() then
  local lane = redis.call('HGET', job, 'lane')
  redis.call('ZADD', OPEN .. lane, 'NX', integer(number('created')), job_id)
elseif redis.call('TTL', job) == -1 then
  redis.call('SADD', FINALIZING, job_id) -- an archived job expires
end
local deliveries = redis.call('HGETALL', job .. DELIVERIES)
for i = 1, #deliveries, 2 do
  local is_read, delivery = pcall(cjson.decode, deliveries[i + 1])
  local due = is_read and type(delivery) == 'table' and delivery.next_attempt_at
  if due and due ~= cjson.null then
    redis.call('ZADD', DUE_DELIVERIES, 'NX', integer(now()), job_id .. ' ' .. deliveries[i])
  end
end
