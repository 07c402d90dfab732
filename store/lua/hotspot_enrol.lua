-- Gives a member a phone number to log in by, unless it is somebody else's; a newcomer who has it,
-- and whom nobody has approved, is merged into the member.
-- KEYS: account, accounts, events, phones (hash phone → member), clocks, then a newcomer's
-- (newcomer_rules.lua)
-- ARGV: member, phone, who was seen to have it ('' for nobody), whether that is a newcomer (1|0)
-- Returns { verdict, '' or JSON of who was merged }; verdict 'enrolled', 'same', 'taken', or 'moved':
-- the phone is not as it was seen.
--#include session_rules.lua
--#include hotspot_rules.lua
--#include newcomer_rules.lua
local id, phone, seen = ARGV[1], ARGV[2], ARGV[3]
local now = now_ms()
if (redis.call('HGET', KEYS[4], phone) or '') ~= seen then return { 'moved', '' } end
local newcomer = ARGV[4] == '1' and seen ~= id and newcomer_at(6, KEYS[3], KEYS[5], KEYS[2], KEYS[4])
if newcomer and not is_newcomer(newcomer) then return { 'moved', '' } end
if seen ~= '' and seen ~= id and not newcomer then return { 'taken', '' } end

local before = redis.call('HGET', KEYS[1], 'phone')
if before == phone and seen == id then return { 'same', '' } end
local gone = newcomer and take_out(newcomer, 'merged', KEYS[1], now)
if gone then note_merged(KEYS[3], gone, id, now) end
if before and before ~= '' and before ~= phone then
  if redis.call('HGET', KEYS[4], before) == id then redis.call('HDEL', KEYS[4], before) end
  redis.call('HSET', KEYS[1], 'former_phone', before)
end
redis.call('HSET', KEYS[4], phone, id)
redis.call('HSET', KEYS[1], 'phone', phone)
redis.call('HSETNX', KEYS[1], 'approved', '1')
redis.call('SADD', KEYS[2], id)
announce_account(KEYS[1], KEYS[3], id, now)
return { 'enrolled', gone and cjson.encode(gone) or '' }
