-- Closes a meeting whose end has come.
-- KEYS: meeting, meeting_ends, events
-- ARGV: id
-- Returns 1 when this call closed it.
--#include meeting_rules.lua
local id = ARGV[1]
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local fields = redis.call('HMGET', KEYS[1], 'ends_at', 'is_active')
if fields[1] and tonumber(fields[1]) > now then
  redis.call('ZADD', KEYS[2], fields[1], id)
  return 0
end
redis.call('ZREM', KEYS[2], id)
if fields[2] ~= '1' then return 0 end
redis.call('HSET', KEYS[1], 'is_active', '0', 'closed', '1', 'updated_at', now)
redis.call('HINCRBY', KEYS[1], 'version', 1)
announce_meeting(KEYS[1], KEYS[3], id)
return 1
