-- ARGV  3 the grant's number, 4 its instant, 5 how many of its permits it keeps
-- A grant that has no more than that is left alone: so it does no harm to ask again.
local grant = struct.pack('<dd', tonumber(ARGV[3]), tonumber(ARGV[4]))
local upto = tonumber(redis.call('ZSCORE', KEYS[3], grant) or 0)
local from = ARGV[3] + ARGV[5]
if upto <= from or upto <= floor then return {0} end
-- What needs no memory comes first: then a full server lets the rest pass.
redis.call('ZREM', KEYS[3], grant)
if tonumber(ARGV[5]) > 0 then redis.call('ZADD', KEYS[3], from, grant) end
void = math.max(void, upto)
local before = redis.call('ZRANGEBYSCORE', KEYS[4], from, from)[1]
if before then
  redis.call('ZREM', KEYS[4], before)
  from = tonumber(before)
end
local begins = string.format('%.0f', upto)
local after = redis.call('ZSCORE', KEYS[4], begins)
if after then
  redis.call('ZREM', KEYS[4], begins)
  upto = tonumber(after)
end
redis.call('ZADD', KEYS[4], upto, string.format('%.0f', from))
redis.call('PEXPIRE', KEYS[4], lasting(kept))
store()
return {0}
