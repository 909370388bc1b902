-- For how long something is kept that is needed until that instant.
local function lasting(instant)
  local left = instant - clock
  if left < 0 then left = 0 end
  return string.format('%.0f', left / 1000 + 2)
end

-- Keeps the head until everything in it has passed.
local function store()
  local head = pack(HEAD, total, last, latest, floor, void, kept, paused, flush)
  call('SET', KEYS[2], head, 'PX', lasting(math.max(kept, paused)))
end
