-- Told: weight, the longest wait, the queue, 1 to take it or 0 to look; and limit and interval of
-- each rate, the narrowest first.
local weight, longest_wait, queue, takes, smallest = unpacked('<ddddd', told, 17)
local pause = paused
if all_paused > pause then pause = all_paused end
local pause_left = 0
if pause > clock then pause_left = pause - clock end
if weight == 0 then return {0, total, now, 0, pause_left} end
if weight > smallest then return {5} end

-- When its turn is, and which rate holds it back most: first as if nothing had been given back, which
-- may refuse too much, and admits nothing that it should not.
local turn, rate, voids
while true do
  turn, rate = now, 0
  local leaves = 0
  for from = 49, #told, 16 do
    local limit, interval = unpacked('<dd', told, from)
    local at = nth(limit - weight + 1, voids)
    -- Those that allow more look further back.
    if not at then break end
    if at + interval > leaves then
      leaves, rate = at + interval, (from - 49) / 16
    end
  end
  if leaves > turn then turn = leaves end
  if pause > turn then turn = pause end
  if last > turn then turn = last end
  if turn <= now or voids or void <= floor then break end
  voids = load_voids()
  last = nth(1, voids) or 0
end
local wait = 0
if turn > now then
  -- By the clock as it is, which has to come there.
  wait = turn - clock
  if wait > longest_wait then return {3, wait, rate} end
  if weight > queue then return {4, wait} end
  local ahead = nth(queue - weight + 1, voids)
  if ahead and ahead > now then return {4, ahead - clock} end
end
if takes == 0 then return {0, total, turn, wait, pause_left} end

-- What may be refused for want of memory comes first.
local id = total
total, last, latest = total + weight, turn, now
call('ZADD', KEYS[3], total, pack('<dd', id, turn))
local answer = {0, id, turn, wait, pause_left}
-- Of each 32 permits, one looks whether there is something to forget. For the others, the
-- first three numbers of the head are what changes.
local widest = unpacked('<d', told, #told - 7)
local extends = turn + widest > kept
if not extends and flushed == flush and total % 32 >= weight then
  call('SETRANGE', KEYS[2], '0', pack('<ddd', total, last, latest))
  return answer
end
