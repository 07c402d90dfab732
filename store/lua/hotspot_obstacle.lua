-- Notes what is in the way of a member's status at a router, or that nothing is.
-- KEYS: account, events, lease
-- ARGV: member, now (ms), lease token, field of the obstacle, obstacle as JSON ("" for none)
-- Returns 1 when that is news, 0 when it was known or nobody has the account (its rows at a router are
-- a stranger's, and none may come of it), -1 when the lease was lost.
--#include hotspot_rules.lua
if redis.call('GET', KEYS[3]) ~= ARGV[3] then return -1 end
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
if (redis.call('HGET', KEYS[1], ARGV[4]) or '') == ARGV[5] then return 0 end
if ARGV[5] == '' then
  redis.call('HDEL', KEYS[1], ARGV[4])
else
  redis.call('HSET', KEYS[1], ARGV[4], ARGV[5])
end
announce_account(KEYS[1], KEYS[2], ARGV[1], ARGV[2])
return 1
