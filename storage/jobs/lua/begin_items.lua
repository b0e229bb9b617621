-- Begin an attempt at each item, before its image is fetched.
-- ARGV: chunk, token, maximal attempts, life of a flight in ms, then for each item: index, number of
-- the attempt (from 1), flight or an empty text.
-- Returns {begun indices, indices without attempts left, indices in flight in another worker}; all
-- are empty without the lease.
-- The number makes a repeated call harmless: the attempt is counted once.
local chunk, token, max_attempts, flight_ms = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local begun, exhausted, elsewhere = {}, {}, {}
if not is_open() or not holds_lease(chunk, token) then
  return { begun, exhausted, elsewhere }
end
for i = 5, #ARGV, 3 do
  local index, attempt, flight = tonumber(ARGV[i]), tonumber(ARGV[i + 1]), ARGV[i + 2]
  local state = read_item(index)
  if state == QUEUED or state == RUNNING then
    if attempt > max_attempts then
      exhausted[#exhausted + 1] = index
    elseif flight ~= '' and not take_flight(flight, chunk, flight_ms) then
      elsewhere[#elsewhere + 1] = index
    else
      write_item(index, RUNNING, attempt)
      if state == QUEUED then
        redis.call('HINCRBY', job, 'running', 1)
      end
      begun[#begun + 1] = index
    end
  end
end
if #begun > 0 then
  start()
end
return { begun, exhausted, elsewhere }
