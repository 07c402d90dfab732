-- Does this session live, by its id alone? For those who hold a connection, not for those who ask.
-- A clock that has run out ends it here.
-- KEYS: sessions, ended, member, events, clocks
-- ARGV: sid, member id
-- Returns { 'live', record JSON, now }, { 'ended', tombstone JSON, now } or { 'unknown' }.
--#include session_rules.lua
local keys = { sessions = KEYS[1], ended = KEYS[2], member = KEYS[3], events = KEYS[4], clocks = KEYS[5] }
local now = now_ms()
local record = read_session(keys.sessions, ARGV[1])
if record then record = still_live(keys, record, now) end
if record then
  local clock = next_clock(record)
  if clock then redis.call('ZADD', keys.clocks, clock, record.member .. ':' .. record.sid) end
  return { 'live', cjson.encode(record), now }
end
redis.call('ZREM', keys.clocks, ARGV[2] .. ':' .. ARGV[1])
local tomb = redis.call('HGET', keys.ended, ARGV[1])
if tomb then return { 'ended', tomb, now } end
return { 'unknown' }
