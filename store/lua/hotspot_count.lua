-- Adds what members used, each only if nobody has looked since the look it was counted from, and
-- all only if the run that counted still holds its router.
-- KEYS: lease, events, account, account, …
-- ARGV: lease token, now (ms), then for each account: member, look before, look now, bytes
-- Returns for each 1 when it was added, 0 when another look came between; nothing for a lost lease.
--#include hotspot_rules.lua
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {} end
local verdicts = {}
for place = 3, #KEYS do
  local at = 3 + (place - 3) * 4
  local member, before, now, bytes = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  if (redis.call('HGET', KEYS[place], 'look') or '') == before then
    redis.call('HSET', KEYS[place], 'look', now)
    if tonumber(bytes) > 0 then
      redis.call('HINCRBY', KEYS[place], 'used', bytes)
      announce_account(KEYS[place], KEYS[2], member, ARGV[2])
    end
    verdicts[place - 2] = 1
  else
    verdicts[place - 2] = 0
  end
end
return verdicts
