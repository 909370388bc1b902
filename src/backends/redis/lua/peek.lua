-- Told: which permit, from 1, the newest first; the widest interval.
local n, widest = unpacked('<dd', told, 17)
local at = nth(n, load_voids())
if at and at + widest > now then return {0, at} end
return {0}
