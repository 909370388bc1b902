-- Told: intervals. Of each, how many permits are in the window of that length that ends now, or
-- ahead, and when the oldest of them leaves it.
local voids = load_voids()
local first = call('ZCOUNT', KEYS[3], '-inf', floor)
local size = call('ZCARD', KEYS[3])

local function grant(rank)
  return unpacked('<dd', call('ZRANGE', KEYS[3], rank, rank)[1])
end

local answer = {0}
for from = 17, #told, 8 do
  local interval = unpacked('<d', told, from)
  local low, high = first, size
  while low < high do
    local middle = math.floor((low + high) / 2)
    local _, at = grant(middle)
    if at + interval > now then high = middle else low = middle + 1 end
  end
  local permits, left = 0, 0
  if low < size then
    local before, at = grant(low)
    permits, left = total - before, math.max(at + interval - clock, 0)
    for i = 1, #voids, 2 do
      if voids[i] < before then break end
      permits = permits - (voids[i + 1] - voids[i])
    end
  end
  answer[#answer + 1] = permits
  answer[#answer + 1] = left
end
return answer
