-- Changes a member's hotspot account, and makes it when there is none.
-- KEYS: account, accounts, events
-- ARGV: member, now (ms), then field, value, …
-- Returns 1.
--#include hotspot_rules.lua
local fields = {}
for at = 3, #ARGV do fields[at - 2] = ARGV[at] end
if #fields > 0 then redis.call('HSET', KEYS[1], unpack(fields)) end
redis.call('SADD', KEYS[2], ARGV[1])
announce_account(KEYS[1], KEYS[3], ARGV[1], ARGV[2])
return 1
