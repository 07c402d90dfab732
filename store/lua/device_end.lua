-- Ends what is logged in on one device; a device that rests already is forgotten.
-- KEYS: sessions, ended, member, events, clocks
-- ARGV: device, sid of the one who asks, kick_id
-- Returns { 'ended', tombstone JSON… } (none: it was forgotten), { 'unknown' }, { 'current' } or
-- { 'primary' } (a web session may not end the primary phone).
--#include session_rules.lua
local keys = { sessions = KEYS[1], ended = KEYS[2], member = KEYS[3], events = KEYS[4], clocks = KEYS[5] }
local device, now = ARGV[1], now_ms()
if redis.call('HEXISTS', keys.sessions, 'card:' .. device) == 0 then return { 'unknown' } end
local asking = read_session(keys.sessions, ARGV[2])
if not asking then return { 'unknown' } end
if asking.device == device then return { 'current' } end
if asking.kind == 'web' and primary_of(keys.sessions, now) == device then return { 'primary' } end

local why = { reason = 'device_ended', kick_id = ARGV[3], by = asking.device_name }
local answer = end_those(keys, function(record) return record.device == device end, why, { 'ended' }, now)
if #answer == 1 then redis.call('HDEL', keys.sessions, 'card:' .. device) end
return answer
