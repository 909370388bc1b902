-- Where every question about a name begins. Nothing is written before it is known that the caller
-- judges by the terms in force: so what ends here may be asked again.
--
-- KEYS  1 terms, 2 head, 3 log, 4 voids, 5 names (where they are kept apart)
-- ARGV  1 the terms that the caller knows, 2 numbers in packed form: of these terms the last flush
--       and the pause of all, and what else the script is told; 3 the name (with names)
--
-- The log is a sorted set. A grant is one member, whatever its weight: how many permits had
-- been granted ever before it, and its instant; its score is how many with it. So a grant
-- holds the permits above the one number, up to the other, and the n-th newest permit is found
-- by its own number. Who gives permits back leaves a gap between two grants: a void, which is
-- a member (where it begins) and a score (where it ends) in a set of its own. Neighbours are
-- merged, so there are never more voids than grants, and one more.
local call, pack, unpacked = redis.call, struct.pack, struct.unpack
local time = call('TIME')
local clock = time[1] * 1000000 + time[2]
local found = call('MGET', KEYS[1], KEYS[2])
if not found[1] then return {1} end
if found[1] ~= ARGV[1] then return {2, found[1]} end
local told = ARGV[2]
local flush, all_paused = unpacked('<dd', told)

-- total   permits ever granted
-- last    no live grant's instant is later
-- latest  the latest time that a grant was judged by: the clock may be set back, this is not
-- floor   the permits up to here are forgotten
-- void    where the newest void ends
-- kept    until then the log is kept
-- paused  until then nothing is granted
-- flushed the last flush that it knows of
local HEAD = '<dddddddd'
local total, last, latest, floor, void, kept, paused, flushed = 0, 0, 0, 0, 0, 0, 0, -1
if found[2] then
  total, last, latest, floor, void, kept, paused, flushed = unpacked(HEAD, found[2])
  if flushed < flush then
    last, latest, floor, void = 0, 0, total, 0
  end
end
local now = clock
if latest > now then now = latest end
