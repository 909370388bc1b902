-- KEYS  1 rates
-- ARGV  1 the terms of a new bucket; empty: none is to be made
local text = redis.call('GET', KEYS[1])
if not text then
  if ARGV[1] == '' then return {1} end
  local time = redis.call('TIME')
  local clock = string.format('%.0f', time[1] * 1000000 + time[2])
  -- A version and an epoch that no earlier bucket of this name had; no pause.
  text = clock .. ' ' .. clock .. ' 0 ' .. ARGV[1]
  redis.call('SET', KEYS[1], text)
end
return {0, text}
