-- Notes that the router was seen to agree with a member's status.
-- KEYS: account, events, lease
-- ARGV: member, now (ms), status, lease token
-- Returns 1 when that is news, 0 when it was known, -1 when the lease was lost.
--#include hotspot_rules.lua
if redis.call('GET', KEYS[3]) ~= ARGV[4] then return -1 end
local before = redis.call('HGET', KEYS[1], 'settled')
if before == ARGV[3] then return 0 end
redis.call('HSET', KEYS[1], 'settled', ARGV[3], 'settled_at', ARGV[2])
announce_account(KEYS[1], KEYS[2], ARGV[1], ARGV[2])
redis.call('XADD', KEYS[2], '*', 'type', 'hotspot.settled', 'data', cjson.encode({
  member = ARGV[1], status = ARGV[3], before = before or '', at = tonumber(ARGV[2]),
}))
return 1
