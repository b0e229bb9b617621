-- The functions that all scripts share. Python prepends the constants: the names of keys and the
-- states of jobs (source.py), the states and patterns of item bytes (item_bytes.py). A script acts
-- on the job whose record is KEYS[1]. It derives all other keys from it, so all records must be on
-- one Redis server.
local job = KEYS[1]
local job_id = string.sub(job, #JOB + 1)
local RATE_BUCKET_MS = 10000 -- one counter of ended items for each span of this length

-- A number as Redis must get it: without an exponent or a fraction.
local function integer(number)
  return string.format('%.0f', number)
end

-- Milliseconds since 1970, by the clock of Redis, which all processes share.
local function now()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- A field of the record that is a number; 0 when the record has none.
local function number(field)
  return tonumber(redis.call('HGET', job, field) or 0)
end

local function is_open()
  local state = redis.call('HGET', job, 'state')
  return state == 'queued' or state == 'running'
end

local function contains(list, value)
  for _, member in ipairs(list) do
    if member == value then
      return true
    end
  end
  return false
end

-- Parse a number; 0 if it is damaged or missing, so that a key shared by all jobs breaks none.
local function count(value)
  return tonumber(value or 0) or 0
end

-- The items of another job that have not ended; 0 if its record is damaged.
local function remaining_items_of(other)
  local counts = redis.pcall('HMGET', JOB .. other, 'total', 'succeeded', 'failed')
  return math.max(count(counts[1]) - count(counts[2]) - count(counts[3]), 0)
end

-- Change the number of items that wait in a lane. The reconciler counts them anew in each round.
local function add_waiting(lane, items)
  redis.pcall('HINCRBY', WAITING, lane, items)
end

-- The items that have not ended.
local function remaining_items()
  return number('total') - number('succeeded') - number('failed')
end

-- Choose the job whose results describe a dataset: the latest job for the whole dataset that has
-- segmented all of it; before such a job exists, the first one that has not failed.
local function note_dataset()
  local fields = redis.call('HMGET', job, 'dataset', 'owner', 'state')
  if not fields[1] then
    return
  end
  local field = (fields[2] or '') .. '/' .. fields[1]
  local noted = redis.call('HGET', DATASET_JOBS, field)
  -- A job whose record has expired has ended.
  local noted_state = noted and redis.pcall('HGET', JOB .. noted, 'state') or 'succeeded'
  local is_better
  if contains(COMPLETE_STATES, fields[3]) then
    is_better = noted and (noted < job_id or not contains(COMPLETE_STATES, noted_state)) -- ids sort by time
  else
    is_better = contains(FINAL_STATES, noted_state) and not contains(COMPLETE_STATES, noted_state)
  end
  if not noted or is_better then
    redis.call('HSET', DATASET_JOBS, field, job_id)
  end
end

local function rate_key(lane, bucket)
  return RATE .. lane .. ':' .. integer(bucket)
end

--
-- Items and chunks
--

-- The state of an item and its attempts.
local function split_byte(byte)
  return byte % 16, math.floor(byte / 16)
end

local function read_item(index)
  return split_byte(string.byte(redis.call('GETRANGE', job .. ITEMS, index, index)))
end

local function write_item(index, state, attempts)
  redis.call('SETRANGE', job .. ITEMS, index, string.char(attempts * 16 + state))
end

-- The bytes of a chunk's items and the index of its first item.
local function read_chunk(chunk)
  local size = number('chunk_size')
  local first = chunk * size
  return redis.call('GETRANGE', job .. ITEMS, first, first + size - 1), first
end

-- An upper bound of the chunks to claim: some of them may have ended already.
local function claimable_chunks()
  if not is_open() then
    return 0
  end
  return number('chunks') - number('cursor') + redis.call('SCARD', job .. REDO)
end

-- Whether this fencing token still holds the chunk.
local function holds_lease(chunk, token)
  local holder = redis.call('HGET', job .. TOKENS, chunk)
  return holder and string.match(holder, '^%d+') == token
end

-- End the lease of a chunk: its running items are queued again. Only the attempts of `suspects`
-- count. Without `suspects` the cause is unknown, and all attempts count. Returns whether all items
-- of the chunk have ended.
local function end_lease(chunk, suspects)
  redis.call('HDEL', job .. TOKENS, chunk)
  redis.call('ZREM', job .. LEASES, chunk)
  local bytes, first = read_chunk(chunk)
  if not string.find(bytes, UNFINISHED) then
    return true
  end
  if is_open() then
    for offset = 1, #bytes do
      local state, attempts = split_byte(string.byte(bytes, offset))
      if state == RUNNING then
        if suspects and not suspects[first + offset - 1] then
          attempts = math.max(attempts - 1, 0)
        end
        write_item(first + offset - 1, QUEUED, attempts)
        redis.call('HINCRBY', job, 'running', -1)
      end
    end
    redis.call('SADD', job .. REDO, chunk)
  end
  return false
end

--
-- Flights: which lease infers a mask now
--

-- A lease as one text: its chunk, its token, its worker, and its job.
local function lease_text(chunk)
  return chunk .. ' ' .. redis.call('HGET', job .. TOKENS, chunk) .. ' ' .. job_id
end

-- Take a flight for the worker of a chunk. False if a lease of another worker has it. An ended lease
-- holds no flight, so a dead worker blocks others only until its leases expire.
local function take_flight(flight, chunk, life_ms)
  local key, own = FLIGHT .. flight, lease_text(chunk)
  local held = redis.pcall('GET', key)
  if type(held) == 'string' then
    local other_chunk, holder, other_job = string.match(held, '^(%S+) (.+) (%S+)$')
    if other_job and redis.call('HGET', JOB .. other_job .. TOKENS, other_chunk) == holder then
      -- The threads of one worker share the result among themselves.
      return string.match(holder, ' .*') == string.match(own, '^%S+ %S+( .*) %S+$')
    end
  end
  redis.call('SET', key, own, 'PX', life_ms)
  return true
end

-- End a flight of this lease.
local function end_flight(flight, chunk)
  local key = FLIGHT .. flight
  if redis.pcall('GET', key) == lease_text(chunk) then
    redis.call('DEL', key)
  end
end

--
-- Events
--

local function publish(kind, data)
  redis.call('XADD', job .. EVENTS, 'MAXLEN', '~', 4096, '*', 'type', kind, 'data', data)
end

-- The number of items in each state. Items that a job left unfinished count as canceled.
local function counts()
  local running, remaining, open = number('running'), remaining_items(), is_open()
  return {
    total = number('total'), succeeded = number('succeeded'), failed = number('failed'),
    cached = number('cached'),
    queued = open and remaining - running or 0, running = open and running or 0,
    canceled = open and 0 or remaining,
  }
end

-- Publish the state and the counts of the job, after a change of its state.
local function publish_job()
  publish('job', cjson.encode({ state = redis.call('HGET', job, 'state'), counts = counts() }))
end

-- Schedule the webhook delivery of a finalized job.
local function schedule_delivery()
  local url = redis.call('HGET', job, 'webhook')
  if not url then
    return
  end
  local round = integer(number('round'))
  redis.call('HSET', job .. DELIVERIES, round, cjson.encode({
    id = job_id .. '-' .. round, event = 'job.' .. redis.call('HGET', job, 'state'), url = url,
    name = redis.call('HGET', job, 'name') or cjson.null,
    counts = counts(), ended_at = number('finished'), next_attempt_at = number('finished'),
  }))
  redis.call('ZADD', DUE_DELIVERIES, integer(number('finished')), job_id .. ' ' .. round)
end

--
-- The life of a job
--

-- Let Redis delete the record after `seconds`; `persist_record` undoes that.
local function expire_record(seconds)
  for _, part in ipairs(KEPT_PARTS) do
    redis.call('EXPIRE', job .. part, seconds)
  end
end

local function persist_record()
  for _, part in ipairs(KEPT_PARTS) do
    redis.call('PERSIST', job .. part)
  end
end

-- Delete what only claims and leases need.
local function drop_work()
  for _, part in ipairs(WORK_PARTS) do
    redis.call('DEL', job .. part)
  end
end

-- Put the job into the queue of its lane.
local function enqueue(time)
  local lane = redis.call('HGET', job, 'lane')
  redis.call('ZADD', OPEN .. lane, integer(time), job_id)
  add_waiting(lane, remaining_items())
end

-- Mark the job as running when its first item begins.
local function start()
  if redis.call('HGET', job, 'state') == 'queued' then
    redis.call('HSETNX', job, 'started', integer(now()))
    redis.call('HSET', job, 'state', 'running')
    publish_job()
  end
end

-- Finalize the job: the one place that gives a job its final state. The webhook delivery is
-- scheduled in the same step. The job stays in FINALIZING until it is archived.
local function finalize(state, reason)
  local lane, remaining = redis.call('HGET', job, 'lane'), remaining_items()
  redis.call('HSET', job, 'state', state, 'reason', reason, 'running', 0, 'finished', integer(now()))
  redis.call('ZREM', OPEN .. lane, job_id)
  add_waiting(lane, 0 - remaining) -- not -remaining: Lua would write -0
  redis.call('DEL', job .. REDO)
  redis.call('SADD', FINALIZING, job_id)
  note_dataset()
  publish_job()
  schedule_delivery()
end

-- Finalize the job if all its items have ended, or too many of them failed.
local function finalize_if_done()
  local total, succeeded, failed = number('total'), number('succeeded'), number('failed')
  local threshold = redis.call('HGET', job, 'error_threshold')
  if failed > 0 and threshold and failed / total > tonumber(threshold) then
    finalize('failed', 'error_threshold')
  elseif succeeded + failed < total then
    return
  elseif failed == 0 then
    finalize('succeeded', '')
  elseif succeeded == 0 then
    finalize('failed', 'all_items_failed')
  else
    finalize('completed_with_errors', '')
  end
end

--
-- Damage
--

local PART_TYPES = {
  [''] = 'hash', [ITEMS] = 'string', [CONFUSION] = 'hash', [EVENTS] = 'stream',
  [DELIVERIES] = 'hash', [UNSEALED] = 'set', [LEASES] = 'zset', [TOKENS] = 'hash', [REDO] = 'set',
}

local function is_of_type(key, expected)
  local found = redis.call('TYPE', key).ok
  return found == expected or found == 'none'
end

-- The fault in the record that stops an open job, as a text; nothing for a sound or an ended one.
local function record_fault()
  for part, expected in pairs(PART_TYPES) do
    if not is_of_type(job .. part, expected) then
      return job .. part .. ' is no ' .. expected
    end
  end
  local state = redis.call('HGET', job, 'state')
  if state and contains(FINAL_STATES, state) then
    return
  elseif not is_open() then
    return redis.call('EXISTS', job) == 1 and 'it has no state' or 'it has no record'
  end
  for _, field in ipairs({ 'total', 'chunk_size', 'chunks', 'created', 'token' }) do
    if count(redis.call('HGET', job, field)) < 1 then
      return 'its ' .. field .. ' is missing or wrong'
    end
  end
  for _, field in ipairs({
    'succeeded', 'failed', 'cached', 'running', 'scored', 'cursor', 'touched', 'patience',
    'lease_ms', 'deadline', 'error_threshold',
  }) do
    if not number(field) then
      return 'its ' .. field .. ' is no number'
    end
  end
  local fields = redis.call('HMGET', job, 'model', 'round', 'lane')
  if not (fields[1] and tonumber(fields[2] or '') and contains(LANES, fields[3])) then
    return 'its model, round or lane is missing or wrong'
  elseif redis.call('STRLEN', job .. ITEMS) ~= number('total') then
    return 'the states of its items are missing'
  end
  for _, chunk in ipairs(redis.call('SMEMBERS', job .. UNSEALED)) do
    if not is_of_type(job .. RESULTS .. chunk, 'hash') then
      return 'the results of its chunk ' .. chunk .. ' are no hash'
    end
  end
end
