-- Takes a device out of a member's slots; its MAC is kept among the lost, so that the routers are
-- made to let it past no more.
-- KEYS: devices, macs, events, account
-- ARGV: member, now (ms), slot
-- Returns its MAC, or '' when there was none.
local LOST_KEPT = 10
local text = redis.call('HGET', KEYS[1], ARGV[3])
if not text then return '' end
local device = cjson.decode(text)
redis.call('HDEL', KEYS[1], ARGV[3])
redis.call('HDEL', KEYS[2], device.mac)

local lost, macs = {}, { device.mac }
for _, mac in ipairs(type(device.former) == 'table' and device.former or {}) do macs[#macs + 1] = mac end
for mac in string.gmatch(redis.call('HGET', KEYS[4], 'lost') or '', '%S+') do macs[#macs + 1] = mac end
for _, mac in ipairs(macs) do
  if #lost < LOST_KEPT then lost[#lost + 1] = mac end
end
redis.call('HSET', KEYS[4], 'lost', table.concat(lost, ' '))
redis.call('HINCRBY', KEYS[4], 'device_set', 1)

redis.call('XADD', KEYS[3], '*', 'type', 'hotspot.device', 'data', cjson.encode({
  member = ARGV[1], slot = ARGV[3], mac = device.mac, verdict = 'removed', at = tonumber(ARGV[2]),
}))
return device.mac
