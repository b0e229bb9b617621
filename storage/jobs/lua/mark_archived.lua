-- Let Redis delete the record of a job after a while, because the job is in the archive now.
-- ARGV: round, seconds to keep the record.
-- Returns 0 when the job was retried or got a late result since it was archived.
local round, retention_s = tonumber(ARGV[1]), ARGV[2]
if is_open() or number('round') ~= round or redis.call('SCARD', job .. UNSEALED) > 0 then
  return 0
end
redis.call('SREM', FINALIZING, job_id)
drop_work()
expire_record(retention_s)
return 1
