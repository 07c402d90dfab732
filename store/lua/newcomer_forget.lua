-- Forgets a newcomer whom nobody has approved, unless something was bought for them.
-- KEYS: events, clocks, accounts, phones, then the newcomer's (newcomer_rules.lua)
-- ARGV: none
-- Returns 1 when they are gone, 0 for who is no such newcomer.
--#include session_rules.lua
--#include newcomer_rules.lua
local newcomer = newcomer_at(5, KEYS[1], KEYS[2], KEYS[3], KEYS[4])
if not is_newcomer(newcomer) then return 0 end
for _, name in ipairs(redis.call('HKEYS', newcomer.account)) do
  if string.find(name, '^bought:') then return 0 end
end
local has = redis.call('HMGET', newcomer.account, 'purchased', 'unlimited', 'stack')
if (tonumber(has[1] or '') or 0) > 0 or has[2] == '1' then return 0 end
if has[3] and has[3] ~= '' and has[3] ~= '[]' then return 0 end
take_out(newcomer, 'deleted', '', now_ms())
return 1
