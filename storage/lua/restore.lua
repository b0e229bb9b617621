-- Put back a job that this Redis lost. ARGV: bytes of its items, seconds to keep it once it has
-- ended, idempotency key or '', fingerprint, number of confusion cells, cells and pixels, then
-- fields and values of the record. Answers 0 when the job is there already.
if redis.call('EXISTS', job) == 1 then
  return 0
end
local keep, key, cells = ARGV[2], ARGV[3], tonumber(ARGV[5])
for i = 6, 5 + 2 * cells, 2 do
  redis.call('HSET', job .. ':confusion', ARGV[i], ARGV[i + 1])
end
for i = 6 + 2 * cells, #ARGV, 2 do
  redis.call('HSET', job, ARGV[i], ARGV[i + 1])
end
redis.call('SET', job .. ':items', ARGV[1])
redis.call('ZADD', 'rm:jobs', 0, id)
redis.call('HSET', job, 'token', whole(now()))
if key ~= '' and redis.call('EXISTS', key) == 0 then
  redis.call('HSET', key, 'fingerprint', ARGV[4], 'job', id)
  redis.call('EXPIRE', key, keep)
end
tell_job()
if is_open() then
  open(field('total') - field('succeeded') - field('failed'), field('created'))
  close_when_done()
else
  tell_webhook()
  for _, part in ipairs({ '', ':items', ':confusion', ':events', ':deliveries' }) do
    redis.call('EXPIRE', job .. part, keep)
  end
end
return 1
