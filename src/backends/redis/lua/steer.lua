-- KEYS  1 terms
-- ARGV  1 what: rates, flush, or pause; 2 the new rates and what is with them, or until when, or 0
--       to end it; 3 the longest pause
-- The terms in force, and whether there was a pause.
local time = redis.call('TIME')
local clock = time[1] * 1000000 + time[2]
local terms = redis.call('GET', KEYS[1])
if not terms then return {1} end
local flush, paused, rest = terms:match('^(%d+) (%d+) (.*)$')
if not rest then return {2, terms} end
flush, paused = tonumber(flush), tonumber(paused)
local before = paused > clock and 1 or 0
if ARGV[1] == 'rates' then
  rest = ARGV[2]
elseif ARGV[1] == 'flush' then
  -- By the clock, so that it is later than those that heads know of, should the terms be lost.
  flush = math.max(flush + 1, clock)
else
  local till = tonumber(ARGV[2])
  if till - clock > tonumber(ARGV[3]) then return {6, till - clock} end
  paused = till == 0 and 0 or math.max(paused, till)
end
terms = string.format('%.0f %.0f %s', flush, paused, rest)
redis.call('SET', KEYS[1], terms)
return {0, terms, before}
