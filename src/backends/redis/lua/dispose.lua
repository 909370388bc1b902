local known = call('UNLINK', KEYS[2], KEYS[3], KEYS[4])
if KEYS[5] then call('ZREM', KEYS[5], ARGV[3]) end
return {0, known}
