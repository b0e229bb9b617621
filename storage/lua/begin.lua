-- Count an attempt at each item before its bytes are touched.
-- ARGV: chunk, token, most attempts, indices. Answers {indices begun, indices out of attempts}.
local begun, spent = {}, {}
if not is_open() or not holds(ARGV[1], ARGV[2]) then
  return { begun, spent }
end
for i = 4, #ARGV do
  local index = tonumber(ARGV[i])
  local state, attempts = read_item(index)
  if state == QUEUED or state == RUNNING then
    if attempts >= tonumber(ARGV[3]) then
      spent[#spent + 1] = index
    else
      write_item(index, RUNNING, attempts + 1)
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
return { begun, spent }
