-- Told: until when, or 0 to end it; the longest pause.
-- Whether there was one.
local till, longest = unpacked('<dd', told, 17)
if till - clock > longest then return {6, till - clock} end
local before = paused > clock and 1 or 0
if till == 0 and before == 1 then
  paused = 0
  store()
elseif till > paused and till > clock then
  paused = till
  store()
end
return {0, before}
