-- Adds what members used, each only if nobody has looked at this router since the look it was
-- counted from, and all only if the run that counted still holds its router. The stack that the
-- bytes are poured into is put in the place of the one that was read (store/hotspot/stack.py).
-- KEYS: lease, events, then for each account: account, days
-- ARGV: lease token, now (ms), today, field of the look, then for each account: member, look before,
-- look now, bytes, stack before ('' for none), stack now
-- Returns for each 1 when it was added, 0 when another look came between, 2 when the stack is
-- another by now; nothing for a lost lease.
--#include hotspot_rules.lua
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {} end
local DAYS_KEPT = 31
local look_field = ARGV[4]

local function add_to_day(days, day, bytes)
  local total = redis.call('HINCRBY', days, day, bytes)
  local known = redis.call('HKEYS', days)
  if #known > DAYS_KEPT then
    table.sort(known)
    redis.call('HDEL', days, known[1])
  end
  return total
end

local function add(place, at)
  local account, days = KEYS[place], KEYS[place + 1]
  local member, before, now, bytes = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  if (redis.call('HGET', account, look_field) or '') ~= before then return 0 end
  if tonumber(bytes) > 0 then
    if (redis.call('HGET', account, 'stack') or '') ~= ARGV[at + 4] then return 2 end
    keep_stack(account, ARGV[at + 5])
    local total = add_to_day(days, ARGV[3], bytes)
    announce_account(account, KEYS[2], member, ARGV[2], ARGV[3], total)
  end
  redis.call('HSET', account, look_field, now)
  return 1
end

local verdicts = {}
for place = 3, #KEYS, 2 do
  local number = (place - 1) / 2
  verdicts[number] = add(place, 5 + (number - 1) * 6)
end
return verdicts
