-- Read the status of jobs, one reply for each of KEYS, or false where there is no such job.
local replies = {}
for i, key in ipairs(KEYS) do
  job, job_id = key, string.sub(key, #JOB + 1)
  replies[i] = read_status()
end
return replies
