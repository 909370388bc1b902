-- ARGV  3 until when; 0 ends it, 4 the longest pause
-- Whether there was one.
local before = paused > clock and 1 or 0
local till = tonumber(ARGV[3])
if till - clock > tonumber(ARGV[4]) then return {6, till - clock} end
if till == 0 then
  paused = 0
  if before == 1 then store() end
elseif till > paused and till > clock then
  paused = till
  store()
end
return {0, before}
