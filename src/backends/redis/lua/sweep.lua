-- Forgets the oldest grants, up to so many, if they count in no window any more. How many
-- those were, and their permits.
local function sweep(widest, most)
  local oldest = call('ZRANGE', KEYS[3], '0', most - 1, 'WITHSCORES')
  local grants, permits = 0, 0
  for i = 1, #oldest, 2 do
    local before, at = unpacked('<dd', oldest[i])
    local upto = tonumber(oldest[i + 1])
    if upto > floor then
      if at + widest > now then break end
      floor, permits = upto, permits + upto - before
    end
    grants = grants + 1
  end
  if grants > 0 then
    call('ZREMRANGEBYRANK', KEYS[3], '0', grants - 1)
    if void > 0 then
      call('ZREMRANGEBYSCORE', KEYS[4], '-inf', floor)
      if void <= floor then void = 0 end
    end
  end
  return grants, permits
end
