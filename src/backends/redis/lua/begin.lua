-- Where every question about a name begins. Nothing is written before the rates are known to be
-- those that the caller judges by: so what ends here may be asked again.
--
-- KEYS  1 rates, 2 head, 3 log, 4 voids, 5 names (where they are kept apart)
-- ARGV  1 the version of the rates that the caller knows, 2 the name
--
-- The log is a sorted set. A grant is one member, whatever its weight: how many permits had
-- been granted ever before it, and its instant; its score is how many with it. So a grant
-- holds the permits above the one number, up to the other, and the n-th newest permit is found
-- by its own number. Who gives permits back leaves a gap between two grants: a void, which is
-- a member (where it begins) and a score (where it ends) in a set of its own. Neighbours are
-- merged, so there are never more voids than grants, and one more.
local time = redis.call('TIME')
local clock = time[1] * 1000000 + time[2]
local found = redis.call('MGET', KEYS[1], KEYS[2])
if not found[1] then return {1} end
local version, epoch, all_paused = found[1]:match('^(%d+) (%d+) (%d+) ')
if version ~= ARGV[1] then return {2, found[1]} end
epoch, all_paused = tonumber(epoch), tonumber(all_paused)

-- total   permits ever granted; it begins with the time, and so never comes back to what
--         was before the head was lost
-- floor   those up to here are forgotten
-- last    no live grant's instant is later
-- latest  the latest time that a grant was judged by: the clock may be set back, this is not
-- void    where the newest void ends
-- kept    until then the log is kept
-- paused  until then nothing is granted
local total, floor, last, latest, void, kept, paused, flushed = clock, clock, 0, 0, 0, 0, 0, epoch
if found[2] then
  total, floor, last, latest, void, kept, paused, flushed = struct.unpack('<dddddddd', found[2])
  if flushed ~= epoch then
    floor, last, latest, void = total, 0, 0, 0
  end
end
local now = math.max(clock, latest)

local function lasting(instant)
  return math.ceil(math.max(instant - clock, 0) / 1000) + 1
end

local function store()
  local head = struct.pack('<dddddddd', total, floor, last, latest, void, kept, paused, epoch)
  redis.call('SET', KEYS[2], head, 'PX', lasting(math.max(kept, paused)))
end
