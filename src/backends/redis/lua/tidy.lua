-- What a grant leaves to be done from time to time.
if extends then
  kept = turn + 2 * widest
  local left = lasting(kept)
  call('PEXPIRE', KEYS[3], left)
  if void > floor then call('PEXPIRE', KEYS[4], left) end
  if KEYS[5] then
    call('ZADD', KEYS[5], kept, ARGV[3])
    -- Each name that comes takes two along that are gone.
    local gone = call('ZRANGEBYSCORE', KEYS[5], '-inf', clock, 'LIMIT', '0', '2')
    if #gone > 0 then call('ZREM', KEYS[5], unpack(gone)) end
    local longest = call('ZREVRANGE', KEYS[5], '0', '0', 'WITHSCORES')[2]
    call('PEXPIRE', KEYS[5], lasting(tonumber(longest)))
  end
end
-- Twice as much as has come since the last time: so a log does not grow, and it never takes long.
local oldest = call('ZRANGE', KEYS[3], '0', '0')[1]
if oldest and unpacked('<d', oldest, 9) + widest <= now then sweep(widest, 64) end
store()
return answer
