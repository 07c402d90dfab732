-- Has a member told something once: low quota, a package that ends soon.
-- KEYS: account, events
-- ARGV: member, now (ms), kind, key (what it is about, so that the next package is told of anew)
-- Returns 1 when it is news, 0 when it was told.
if redis.call('HGET', KEYS[1], 'notice:' .. ARGV[3]) == ARGV[4] then return 0 end
redis.call('HSET', KEYS[1], 'notice:' .. ARGV[3], ARGV[4])
redis.call('XADD', KEYS[2], '*', 'type', 'hotspot.notice', 'data', cjson.encode({
  member = ARGV[1], kind = ARGV[3], key = ARGV[4], at = tonumber(ARGV[2]),
}))
return 1
