-- Told: the widest interval; how many grants at most.
-- Whether there may be more, and how many permits were forgotten.
local widest, most = unpacked('<dd', told, 17)
local grants, permits = sweep(widest, most)
if grants > 0 then store() end
if KEYS[5] and kept <= clock then call('ZREM', KEYS[5], ARGV[3]) end
return {0, grants == most and 1 or 0, permits}
