-- KEYS  1 terms
-- ARGV  1 what a new bucket begins with; empty: none is to be made
local terms = redis.call('GET', KEYS[1])
if not terms then
  if ARGV[1] == '' then return {1} end
  -- No flush, and no pause.
  terms = '0 0 ' .. ARGV[1]
  redis.call('SET', KEYS[1], terms)
end
return {0, terms}
