-- ARGV  3 the widest interval, 4 how many grants at most
-- Whether there may be more, and how many permits were forgotten.
local grants, permits = sweep(tonumber(ARGV[3]), tonumber(ARGV[4]))
if grants > 0 then store() end
if KEYS[5] and kept <= clock then redis.call('ZREM', KEYS[5], ARGV[2]) end
return {0, grants == tonumber(ARGV[4]) and 1 or 0, permits}
