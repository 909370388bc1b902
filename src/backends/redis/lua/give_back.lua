-- Told: the grant's number, its instant, how many of its permits it keeps.
-- A grant that has no more than that is left alone: so it does no harm to ask again.
local id, at, keeps = unpacked('<ddd', told, 17)
local grant = pack('<dd', id, at)
local upto = tonumber(call('ZSCORE', KEYS[3], grant) or 0)
local from = id + keeps
if upto <= from or upto <= floor then return {0} end
-- What needs no memory comes first: then a full server lets the rest pass.
call('ZREM', KEYS[3], grant)
if keeps > 0 then call('ZADD', KEYS[3], from, grant) end
if upto > void then void = upto end
local before = call('ZRANGEBYSCORE', KEYS[4], from, from)[1]
if before then
  call('ZREM', KEYS[4], before)
  from = tonumber(before)
end
local begins = string.format('%.0f', upto)
local after = call('ZSCORE', KEYS[4], begins)
if after then
  call('ZREM', KEYS[4], begins)
  upto = tonumber(after)
end
call('ZADD', KEYS[4], upto, string.format('%.0f', from))
call('PEXPIRE', KEYS[4], lasting(kept))
store()
return {0}
