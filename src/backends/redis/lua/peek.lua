-- ARGV  3 which permit, from 1, the newest first, 4 the widest interval
local at = nth(tonumber(ARGV[3]), load_voids())
if at and at + ARGV[4] > now then return {0, at} end
return {0}
