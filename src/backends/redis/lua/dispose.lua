local known = redis.call('UNLINK', KEYS[2], KEYS[3], KEYS[4])
if KEYS[5] then redis.call('ZREM', KEYS[5], ARGV[2]) end
return {0, known}
