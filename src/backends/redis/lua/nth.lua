-- Where each void begins and ends, the newest first.
local function load_voids()
  local voids = {}
  if void > floor then
    for _, number in ipairs(call('ZREVRANGE', KEYS[4], '0', '-1', 'WITHSCORES')) do
      voids[#voids + 1] = tonumber(number)
    end
  end
  return voids
end

-- The instant of the n-th newest permit, from 1. Without the voids, permits that were given back
-- count as well, and what is told for those is the instant of a newer grant, or one that no
-- grant is later than: so it is never too early.
local function nth(n, voids)
  local at = total - n + 1
  if voids then
    for i = 1, #voids, 2 do
      if voids[i + 1] < at then break end
      at = at - (voids[i + 1] - voids[i])
    end
  end
  if at <= floor then return nil end
  local grant = call('ZRANGEBYSCORE', KEYS[3], at, '+inf', 'LIMIT', '0', '1')[1]
  return grant and (unpacked('<d', grant, 9)) or last
end
