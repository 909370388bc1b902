-- ARGV  3 and on: intervals. Of each, how many permits are in the window of that length that ends
--       now, or ahead, and when the oldest of them leaves it
local voids = load_voids()
local first = redis.call('ZCOUNT', KEYS[3], '-inf', floor)
local size = redis.call('ZCARD', KEYS[3])

local function grant(rank)
  return struct.unpack('<dd', redis.call('ZRANGE', KEYS[3], rank, rank)[1])
end

local answer = {0}
for i = 3, #ARGV do
  local low, high = first, size
  while low < high do
    local middle = math.floor((low + high) / 2)
    local _, at = grant(middle)
    if at + ARGV[i] > now then high = middle else low = middle + 1 end
  end
  local permits, left = 0, 0
  if low < size then
    local before, at = grant(low)
    permits, left = total - before, math.max(at + ARGV[i] - clock, 0)
    for v = 1, #voids, 2 do
      if voids[v] < before then break end
      permits = permits - (voids[v + 1] - voids[v])
    end
  end
  answer[#answer + 1] = permits
  answer[#answer + 1] = left
end
return answer
