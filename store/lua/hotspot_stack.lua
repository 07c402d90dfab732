-- Puts another stack of packages in the place of the one that was read (the rules are
-- store/hotspot/stack.py's). A purchase that is known by something counts once, however often it
-- comes.
-- KEYS: account, accounts, events, member
-- ARGV: member, now (ms), stack as it was read ('' for none), stack to be, once ('' or what the
-- purchase is known by), the purchase that was given as JSON or '', id of the one taken back or ''
-- Returns 'written'; 'before' for a purchase that was given before; 'changed' when the stack is
-- another by now; 'gone' for a member who is not there.
--#include hotspot_rules.lua
if redis.call('EXISTS', KEYS[4]) == 0 then return 'gone' end
local bought = 'bought:' .. ARGV[5]
if ARGV[5] ~= '' and redis.call('HEXISTS', KEYS[1], bought) == 1 then return 'before' end
if (redis.call('HGET', KEYS[1], 'stack') or '') ~= ARGV[3] then return 'changed' end
if ARGV[5] ~= '' then redis.call('HSET', KEYS[1], bought, ARGV[2]) end
keep_stack(KEYS[1], ARGV[4])
redis.call('SADD', KEYS[2], ARGV[1])
announce_account(KEYS[1], KEYS[3], ARGV[1], ARGV[2])
-- as text, because a number of Lua has fourteen digits
if ARGV[6] ~= '' or ARGV[7] ~= '' then
  redis.call('XADD', KEYS[3], '*', 'type', 'hotspot.purchase', 'data', cjson.encode({
    member = ARGV[1], given = ARGV[6], once = ARGV[5], taken = ARGV[7], at = tonumber(ARGV[2]),
  }))
end
return 'written'
