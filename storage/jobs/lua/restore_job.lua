-- Restore a job that this Redis lost. ARGV: bytes of its items, seconds to keep the record if the
-- job has ended, idempotency key or '', fingerprint, number of confusion cells, cells and pixels,
-- then fields and values of the record. Returns 0 when Redis has the job.
local items, retention_s, key, fingerprint = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local cells = tonumber(ARGV[5])
local first_field = 6 + 2 * cells
if redis.call('EXISTS', job) == 1 then
  return 0
end
if cells > 0 then
  redis.call('HSET', job .. CONFUSION, unpack(ARGV, 6, first_field - 1))
end
redis.call('HSET', job, unpack(ARGV, first_field))
redis.call('SET', job .. ITEMS, items)
redis.call('ZADD', JOBS, 0, job_id)
note_dataset()
redis.call('HSET', job, 'token', integer(now()))
if key ~= '' and redis.call('EXISTS', key) == 0 then
  redis.call('HSET', key, 'fingerprint', fingerprint, 'job', job_id)
  redis.call('EXPIRE', key, retention_s)
end
publish_job()
if is_open() then
  enqueue(number('created'))
  finalize_if_done()
else
  schedule_delivery()
  expire_record(retention_s)
end
return 1
