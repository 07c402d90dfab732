-- Notes that a router was seen to agree with a member's status. The first router that agrees has the
-- member told, once: who waits at a router that is away has no Internet to be told of. A decision
-- that is older than the one that was told last tells nobody.
-- KEYS: account, events, lease
-- ARGV: member, now (ms), status, lease token, router, field of what it agreed to, decided at (ms),
--       field of the set of devices that it agreed for, that set
-- Returns 1 when that is news, 0 when it was known, -1 when the lease was lost.
--#include hotspot_rules.lua
local status, field, decided_at = ARGV[3], ARGV[6], tonumber(ARGV[7])
if redis.call('GET', KEYS[3]) ~= ARGV[4] then return -1 end
local known = redis.call('HMGET', KEYS[1], field, ARGV[8])
if known[1] == status and (known[2] or '') == ARGV[9] then return 0 end
redis.call('HSET', KEYS[1], field, status, ARGV[8], ARGV[9])

local told = redis.call('HMGET', KEYS[1], 'settled', 'settled_at')
local before, last = told[1] or '', tonumber(told[2] or '') or 0
local is_first = before ~= status and decided_at >= last
if is_first then
  redis.call('HSET', KEYS[1], 'settled', status, 'settled_at', ARGV[7])
  announce_account(KEYS[1], KEYS[2], ARGV[1], ARGV[2])
end
redis.call('XADD', KEYS[2], '*', 'type', 'hotspot.settled', 'data', cjson.encode({
  member = ARGV[1], router = ARGV[5], status = status, before = before, is_first = is_first,
  at = tonumber(ARGV[2]),
}))
return 1
