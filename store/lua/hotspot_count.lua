-- Adds what a member used, if nobody has looked since the look it was counted from, and the run
-- that counted still holds its router.
-- KEYS: account, events, lease
-- ARGV: member, now (ms), look before, look now, bytes, lease token
-- Returns 1 when it was added, 0 when another look came between, -1 when the lease was lost.
--#include hotspot_rules.lua
if redis.call('GET', KEYS[3]) ~= ARGV[6] then return -1 end
if (redis.call('HGET', KEYS[1], 'look') or '') ~= ARGV[3] then return 0 end
redis.call('HSET', KEYS[1], 'look', ARGV[4])
if tonumber(ARGV[5]) > 0 then
  redis.call('HINCRBY', KEYS[1], 'used', ARGV[5])
  announce_account(KEYS[1], KEYS[2], ARGV[1], ARGV[2])
end
return 1
