-- What every script begins with: the job, the time, the byte of an item, events, and the end.
-- An item's byte: low nibble its state (0 queued, 1 running, 2 succeeded, 3 failed),
-- high nibble its attempts. Scripts name keys they derive from KEYS[1], so one Redis holds all.
local job = KEYS[1]
local id = string.sub(job, 8) -- behind 'rm:job:'
local QUEUED, RUNNING, SUCCEEDED, FAILED = 0, 1, 2, 3

-- A pattern that finds an item that has not ended.
local UNFINISHED = '[%z\001'
for attempts = 1, 15 do
  UNFINISHED = UNFINISHED .. string.char(attempts * 16, attempts * 16 + 1)
end
UNFINISHED = UNFINISHED .. ']'

local function whole(number)
  return string.format('%.0f', number)
end

-- Milliseconds since 1970, of the one clock that all processes share.
local function now()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local function is_open()
  local state = redis.call('HGET', job, 'state')
  return state == 'queued' or state == 'running'
end

local function field(name)
  return tonumber(redis.call('HGET', job, name) or 0)
end

-- State and attempts of an item.
local function read_item(index)
  local byte = string.byte(redis.call('GETRANGE', job .. ':items', index, index))
  return byte % 16, math.floor(byte / 16)
end

local function write_item(index, state, attempts)
  redis.call('SETRANGE', job .. ':items', index, string.char(attempts * 16 + state))
end

-- The bytes of a chunk and the index of its first item.
local function read_chunk(chunk)
  local size = field('chunk_size')
  local first = chunk * size
  return redis.call('GETRANGE', job .. ':items', first, first + size - 1), first
end

local function holds(chunk, token)
  local held = redis.call('HGET', job .. ':tokens', chunk)
  return held and string.match(held, '^%d+') == token
end

-- Take a chunk from its holder: running items wait again. With `forgive` their attempts do not
-- count, because the holder lives. True when all its items have ended.
local function give_back(chunk, forgive)
  redis.call('HDEL', job .. ':tokens', chunk)
  redis.call('ZREM', job .. ':leases', chunk)
  local bytes, first = read_chunk(chunk)
  if not string.find(bytes, UNFINISHED) then
    return true
  end
  if is_open() then
    for offset = 1, #bytes do
      local byte = string.byte(bytes, offset)
      if byte % 16 == RUNNING then
        local attempts = math.floor(byte / 16)
        if forgive then
          attempts = math.max(attempts - 1, 0)
        end
        write_item(first + offset - 1, QUEUED, attempts)
        redis.call('HINCRBY', job, 'running', -1)
      end
    end
    redis.call('SADD', job .. ':redo', chunk)
  end
  return false
end

-- An upper bound of the chunks that may be claimed: some of them may have ended already.
local function claimable()
  if not is_open() then
    return 0
  end
  return field('chunks') - field('cursor') + redis.call('SCARD', job .. ':redo')
end

local function tell(kind, data)
  redis.call('XADD', job .. ':events', 'MAXLEN', '~', 4096, '*', 'type', kind, 'data', data)
end

local function counts()
  local total, done, failed = field('total'), field('succeeded'), field('failed')
  local running, left = field('running'), total - done - failed
  local open = is_open()
  return {
    total = total, succeeded = done, failed = failed, cached = field('cached'),
    queued = open and left - running or 0, running = open and running or 0,
    canceled = open and 0 or left,
  }
end

-- Tell the job's state and counts, after a change of its state.
local function tell_job()
  tell('job', cjson.encode({ state = redis.call('HGET', job, 'state'), counts = counts() }))
end

-- The first of its items is in hand.
local function start()
  if redis.call('HGET', job, 'state') == 'queued' then
    redis.call('HSETNX', job, 'started', whole(now()))
    redis.call('HSET', job, 'state', 'running')
    tell_job()
  end
end

-- What the webhook of a job that ended is to be told is on record in the same step as the end.
local function tell_webhook()
  local url = redis.call('HGET', job, 'webhook')
  if not url then
    return
  end
  local round = whole(field('round'))
  redis.call('HSET', job .. ':deliveries', round, cjson.encode({
    id = id .. '-' .. round, event = 'job.' .. redis.call('HGET', job, 'state'), url = url,
    name = redis.call('HGET', job, 'name') or cjson.null,
    counts = counts(), ended_at = field('finished'), next_attempt_at = field('finished'),
  }))
  redis.call('ZADD', 'rm:deliveries', whole(field('finished')), id .. ' ' .. round)
end

-- The job waits in its lane from now on, with so many items.
local function open(items, time)
  local lane = redis.call('HGET', job, 'lane')
  redis.call('ZADD', 'rm:open:' .. lane, whole(time), id)
  redis.call('HINCRBY', 'rm:waiting', lane, items)
end

-- The one place where a job ends. What was not finished reads as canceled from here on.
local function close(state, reason)
  local lane = redis.call('HGET', job, 'lane')
  local left = field('total') - field('succeeded') - field('failed')
  redis.call('HSET', job, 'state', state, 'reason', reason, 'running', 0, 'finished', whole(now()))
  redis.call('ZREM', 'rm:open:' .. lane, id)
  redis.call('HINCRBY', 'rm:waiting', lane, 0 - left) -- not -left: Lua would write -0
  redis.call('DEL', job .. ':redo')
  redis.call('SADD', 'rm:closing', id)
  tell_job()
  tell_webhook()
end

-- End the job when nothing is left of it, or too much of it failed.
local function close_when_done()
  local total, done, failed = field('total'), field('succeeded'), field('failed')
  local threshold = redis.call('HGET', job, 'error_threshold')
  if failed > 0 and threshold and failed / total > tonumber(threshold) then
    close('failed', 'error_threshold')
  elseif done + failed == total then
    if failed == 0 then
      close('succeeded', '')
    elseif done == 0 then
      close('failed', 'all_items_failed')
    else
      close('completed_with_errors', '')
    end
  end
end
