-- Creates a meeting, or changes fields of one.
-- KEYS: meeting, meetings, meeting_ends, events, built
-- ARGV: id, version the caller read (0: create), audit JSON, then field, value, …
-- Returns 'saved', 'gone', 'moved' (somebody else changed it: read again) or 'unbuilt'.
--#include meeting_rules.lua
if redis.call('EXISTS', KEYS[5]) == 0 then return 'unbuilt' end
local id = ARGV[1]
local version = redis.call('HGET', KEYS[1], 'version')
if ARGV[2] == '0' then
  if version then return 'moved' end
elseif not version then
  return 'gone'
elseif version ~= ARGV[2] then
  return 'moved'
end
local fields = {}
for at = 4, #ARGV do fields[at - 3] = ARGV[at] end
redis.call('HSET', KEYS[1], 'id', id, unpack(fields))
redis.call('HINCRBY', KEYS[1], 'version', 1)
local now = redis.call('HMGET', KEYS[1], 'starts_at', 'ends_at', 'is_active')
redis.call('ZADD', KEYS[2], now[1], id)
if now[3] == '1' then redis.call('ZADD', KEYS[3], now[2], id) else redis.call('ZREM', KEYS[3], id) end
announce_meeting(KEYS[1], KEYS[4], id)
redis.call('XADD', KEYS[4], '*', 'type', 'audit', 'data', ARGV[3])
return 'saved'
