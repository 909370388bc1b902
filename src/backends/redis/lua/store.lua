-- For how long something is kept that is needed until that instant.
local function lasting(instant)
  local left = instant - clock
  if left < 0 then left = 0 end
  return string.format('%.0f', left / 1000 + 2)
end

-- Keeps the head: until everything in it has passed, or as long as before.
local function store(anew)
  head = pack(HEAD, total, floor, last, latest, void, kept, paused, flush)
  if anew then
    call('SET', KEYS[2], head, 'PX', lasting(math.max(kept, paused)))
  else
    call('SET', KEYS[2], head, 'KEEPTTL')
  end
end
