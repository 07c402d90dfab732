-- Creates a member unless a login name is taken, and lets them log in by their phone unless that is
-- somebody else's. A newcomer who has the phone, and whom nobody has approved, is merged into the
-- new member; who is a newcomer too does not get a phone that somebody has.
-- KEYS: member, events, built, login (e-mail), login (username; the same key when they are equal),
-- account, accounts, phones (hash phone → member), clocks, then a newcomer's (newcomer_rules.lua)
-- ARGV: id, phone ('' for none), who was seen to have it ('' for nobody), whether that is a newcomer
-- (1|0), approved (1|0), then field, value, …
-- Returns { verdict, '' or JSON of who was merged }; verdict 'created', 'taken' (created; the phone is
-- somebody else's), 'held' (not created, for the same reason), 'exists', 'unbuilt', or 'moved': the
-- phone is not as it was seen.
--#include session_rules.lua
--#include hotspot_rules.lua
--#include newcomer_rules.lua
local id, phone, seen, is_new, approved = ARGV[1], ARGV[2], ARGV[3], ARGV[4] == '1', ARGV[5]
local now = now_ms()
if redis.call('EXISTS', KEYS[3]) == 0 then return { 'unbuilt', '' } end

local owner = phone ~= '' and redis.call('HGET', KEYS[8], phone) or ''
if (owner or '') ~= seen then return { 'moved', '' } end
local newcomer = is_new and newcomer_at(10, KEYS[2], KEYS[9], KEYS[7], KEYS[8])
if newcomer and not is_newcomer(newcomer) then return { 'moved', '' } end
if seen ~= '' and approved == '0' then return { 'held', '' } end
for place = 4, 5 do
  local holder = redis.call('GET', KEYS[place])
  if holder and not (newcomer and holder == seen) then return { 'exists', '' } end
end

local gone = newcomer and take_out(newcomer, 'merged', KEYS[6], now)
redis.call('SET', KEYS[4], id)
redis.call('SET', KEYS[5], id)
local fields = {}
for at = 6, #ARGV do fields[at - 5] = ARGV[at] end
redis.call('HSET', KEYS[1], 'id', id, unpack(fields))
announce(KEYS[2], 'member.changed', { member = id })
if gone then note_merged(KEYS[2], gone, id, now) end
if phone == '' then return { 'created', '' } end
if seen ~= '' and not gone then return { 'taken', '' } end

redis.call('HSET', KEYS[8], phone, id)
redis.call('HSET', KEYS[6], 'phone', phone, 'approved', approved)
redis.call('SADD', KEYS[7], id)
announce_account(KEYS[6], KEYS[2], id, now)
return { 'created', gone and cjson.encode(gone) or '' }
