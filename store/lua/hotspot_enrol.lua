-- Gives a member a phone number to log in by, unless it is somebody else's.
-- KEYS: account, accounts, events, phones (hash phone → member)
-- ARGV: member, now (ms), phone, approved (1|0; of a new account)
-- Returns 'enrolled', 'same' or 'taken'.
--#include hotspot_rules.lua
local owner = redis.call('HGET', KEYS[4], ARGV[3])
if owner and owner ~= ARGV[1] then return 'taken' end
local before = redis.call('HGET', KEYS[1], 'phone')
if before == ARGV[3] then return 'same' end
if before and before ~= '' then
  redis.call('HDEL', KEYS[4], before)
  redis.call('HSET', KEYS[1], 'former_phone', before)
end
redis.call('HSET', KEYS[4], ARGV[3], ARGV[1])
redis.call('HSET', KEYS[1], 'phone', ARGV[3])
redis.call('HSETNX', KEYS[1], 'approved', ARGV[4])
redis.call('SADD', KEYS[2], ARGV[1])
announce_account(KEYS[1], KEYS[3], ARGV[1], ARGV[2])
return 'enrolled'
