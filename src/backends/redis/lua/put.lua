-- ARGV  3 weight, 4 the longest wait, 5 the queue, 6 whether to take it, 7 limit and 8 interval
--       of the narrowest rate, and so on for the others
local SWEPT = 16
local weight, queue = tonumber(ARGV[3]), tonumber(ARGV[5])
local pause = math.max(paused, all_paused)
local pause_left = math.max(pause - clock, 0)
if weight == 0 then return {0, total, now, 0, pause_left} end
if weight > tonumber(ARGV[7]) then return {5} end

-- When the rates and pauses let it through, and which rate holds it back most.
local function look(voids)
  local leaves, rate = 0, 0
  for i = 7, #ARGV, 2 do
    local at = nth(ARGV[i] - weight + 1, voids)
    -- Those that allow more look further back.
    if not at then break end
    if at + ARGV[i + 1] > leaves then
      leaves, rate = at + ARGV[i + 1], (i - 7) / 2
    end
  end
  return math.max(leaves, pause), rate
end

-- First as if nothing had been given back, which may refuse too much, and admits nothing that
-- it should not.
local voids = {}
local ready, rate = look(voids)
local turn = math.max(ready, last, now)
if turn > now and void > floor then
  voids = load_voids()
  last = nth(1, voids) or 0
  ready, rate = look(voids)
  turn = math.max(ready, last, now)
end
local wait = 0
if turn > now then
  -- By the clock as it is, which has to come there.
  wait = turn - clock
  if wait > tonumber(ARGV[4]) then return {3, wait, rate} end
  if weight > queue then return {4, wait} end
  local ahead = nth(queue - weight + 1, voids)
  if ahead and ahead > now then return {4, ahead - clock} end
end
if ARGV[6] == '0' then return {0, total, turn, wait, pause_left} end

-- What may be refused for want of memory comes first.
local id = total
total, last, latest = total + weight, turn, now
redis.call('ZADD', KEYS[3], total, struct.pack('<dd', id, turn))
local widest = tonumber(ARGV[#ARGV])
if turn + widest > kept then
  kept = turn + 2 * widest
  redis.call('PEXPIRE', KEYS[3], lasting(kept))
  if void > floor then redis.call('PEXPIRE', KEYS[4], lasting(kept)) end
  if KEYS[5] then
    redis.call('ZADD', KEYS[5], kept, ARGV[2])
    -- Each that comes takes two along that are gone.
    local gone = redis.call('ZRANGEBYSCORE', KEYS[5], '-inf', clock, 'LIMIT', 0, 2)
    if #gone > 0 then redis.call('ZREM', KEYS[5], unpack(gone)) end
    local longest = redis.call('ZREVRANGE', KEYS[5], 0, 0, 'WITHSCORES')[2]
    redis.call('PEXPIRE', KEYS[5], lasting(tonumber(longest)))
  end
end
-- Twice as many are forgotten as come: it costs little when done by the dozen, and never much.
if total % SWEPT < weight then sweep(widest, 2 * SWEPT) end
store()
return {0, id, turn, wait, pause_left}
