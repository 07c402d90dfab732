-- Takes a device out of a member's slots.
-- KEYS: devices, macs, events
-- ARGV: member, now (ms), slot
-- Returns its MAC, or '' when there was none.
local text = redis.call('HGET', KEYS[1], ARGV[3])
if not text then return '' end
local mac = cjson.decode(text).mac
redis.call('HDEL', KEYS[1], ARGV[3])
redis.call('HDEL', KEYS[2], mac)
redis.call('XADD', KEYS[3], '*', 'type', 'hotspot.device', 'data', cjson.encode({
  member = ARGV[1], slot = ARGV[3], mac = mac, verdict = 'removed', at = tonumber(ARGV[2]),
}))
return mac
