-- Commit items, all in one step. This is the only way in which an item ends.
-- ARGV: chunk, token, then for each item: index, state (2 or 3), result, event, cached (0 or 1),
-- flight or an empty text, number of cells of its confusion matrix, cells and pixels.
-- Returns the number of items that ended now; an item that had ended before is skipped.
local chunk, token = ARGV[1], ARGV[2]
local at, committed = 3, 0
while at <= #ARGV and is_open() and holds_lease(chunk, token) do
  local index, final_state = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
  local result, event, cached = ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]
  local flight, cells = ARGV[at + 5], tonumber(ARGV[at + 6])
  local first_cell = at + 7
  at = first_cell + 2 * cells
  local state, attempts = read_item(index)
  if state == QUEUED or state == RUNNING then
    start()
    write_item(index, final_state, attempts)
    if flight ~= '' then
      end_flight(flight, chunk)
    end
    if state == RUNNING then
      redis.call('HINCRBY', job, 'running', -1)
    end
    redis.call('HINCRBY', job, final_state == SUCCEEDED and 'succeeded' or 'failed', 1)
    redis.call('HINCRBY', job, 'cached', cached)
    redis.call('HSET', job .. RESULTS .. chunk, index, result)
    redis.call('SADD', job .. UNSEALED, chunk)
    if cells > 0 then
      redis.call('HINCRBY', job, 'scored', 1)
    end
    for i = first_cell, at - 1, 2 do
      redis.call('HINCRBY', job .. CONFUSION, ARGV[i], ARGV[i + 1])
    end
    publish('item', event)

    local lane = redis.call('HGET', job, 'lane')
    local rate = rate_key(lane, math.floor(now() / RATE_BUCKET_MS))
    redis.pcall('INCR', rate)
    redis.call('EXPIRE', rate, 90)
    add_waiting(lane, -1)
    finalize_if_done()
    committed = committed + 1
  end
end
return committed
