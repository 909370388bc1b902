-- KEYS  1 rates
-- ARGV  1 what: rates, pause, flush, 2 the new terms, or until when; 0 ends it, 3 the longest pause
-- The terms in force, and whether there was a pause.
local time = redis.call('TIME')
local clock = time[1] * 1000000 + time[2]
local text = redis.call('GET', KEYS[1])
if not text then return {1} end
local version, epoch, paused, terms = text:match('^(%d+) (%d+) (%d+) (.*)$')
if not version then return {2, text} end
version, epoch, paused = tonumber(version), tonumber(epoch), tonumber(paused)
local before = paused > clock and 1 or 0
if ARGV[1] == 'rates' then
  version, terms = math.max(version + 1, clock), ARGV[2]
elseif ARGV[1] == 'flush' then
  epoch = math.max(epoch + 1, clock)
else
  local till = tonumber(ARGV[2])
  if till - clock > tonumber(ARGV[3]) then return {6, till - clock} end
  paused = till == 0 and 0 or math.max(paused, till)
end
text = string.format('%.0f %.0f %.0f %s', version, epoch, paused, terms)
redis.call('SET', KEYS[1], text)
return {0, text, before}
