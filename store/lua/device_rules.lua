-- What scripts share that take a device out of a member's slots.

local LOST_KEPT = 10

-- Its MACs are kept among the account's lost, so that the routers are made to let it past no more, and
-- have yet to agree with the devices that are left.
-- Returns its MAC, or '' when there was none.
local function let_go(slots, macs, account, events, member, slot, now)
  local text = redis.call('HGET', slots, slot)
  if not text then return '' end
  local device = cjson.decode(text)
  redis.call('HDEL', slots, slot)
  redis.call('HDEL', macs, device.mac)

  local lost, known = {}, { device.mac }
  for _, mac in ipairs(type(device.former) == 'table' and device.former or {}) do known[#known + 1] = mac end
  for mac in string.gmatch(redis.call('HGET', account, 'lost') or '', '%S+') do known[#known + 1] = mac end
  for _, mac in ipairs(known) do
    if #lost < LOST_KEPT then lost[#lost + 1] = mac end
  end
  redis.call('HSET', account, 'lost', table.concat(lost, ' '))
  redis.call('HINCRBY', account, 'device_set', 1)

  redis.call('XADD', events, '*', 'type', 'hotspot.device', 'data', cjson.encode({
    member = member, slot = slot, mac = device.mac, verdict = 'removed', at = now,
  }))
  return device.mac
end
