-- Count the items of a lane's open jobs that have not ended. KEYS: the open jobs of the lane.
local waiting = 0
for _, other in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  waiting = waiting + remaining_items_of(other)
end
redis.call('HSET', WAITING, string.sub(KEYS[1], #OPEN + 1), integer(waiting))
