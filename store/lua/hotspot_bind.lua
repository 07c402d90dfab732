-- Takes a device into a member's slots: known, turned within its slot, added, or in another's place.
-- What somebody was only told of gives way to who comes after; what was seen stays its owner's.
-- KEYS: devices, macs (hash MAC → member:slot), events, account, waiting (hash member → JSON), then
-- of whom has the MAC, where it is somebody else's: devices, account
-- ARGV: member, now (ms), new slot id, MAC, ip, name, browser, random (1|0), limit, replaced slot or '',
-- only told (1|0), whether it may move from another who was only told of it (1|0), who was seen to
-- have the MAC ('' for nobody else)
-- Returns { verdict, slot, former MAC or '' }; verdict 'known', 'turned', 'added', 'replaced',
-- 'full', 'taken', or 'moved': the MAC is not whose it was seen to be.
--#include device_rules.lua
local member, now, slot, mac = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
local is_told, may_move, seen = ARGV[11] == '1', ARGV[12] == '1', ARGV[13]
local FORMER = 5

local place = redis.call('HGET', KEYS[2], mac) or ''
local owner, owned = string.match(place, '^(.*):(.*)$')
owner = owner or ''
if (owner ~= member and owner or '') ~= seen then return { 'moved', '', '' } end
if seen ~= '' then
  local text = redis.call('HGET', KEYS[6], owned)
  if text and not (may_move and cjson.decode(text).told) then return { 'taken', '', '' } end
end

local slots, count = {}, 0
local all = redis.call('HGETALL', KEYS[1])
for at = 1, #all, 2 do
  slots[all[at]] = cjson.decode(all[at + 1])
  count = count + 1
end

-- it waits no more, and what the routers agreed with were other devices
local function settle_anew(verdict)
  if verdict ~= 'known' then redis.call('HINCRBY', KEYS[4], 'device_set', 1) end
  local text = redis.call('HGET', KEYS[5], member)
  local wish = text and cjson.decode(text)
  if wish and (wish.mac == mac or wish.ip == ARGV[5] or wish.address == ARGV[5]) then
    redis.call('HDEL', KEYS[5], member)
  end
end

local function keep(id, device, verdict, former)
  settle_anew(verdict)
  if seen ~= '' then let_go(KEYS[6], KEYS[2], KEYS[7], KEYS[3], seen, owned, now) end
  device.mac, device.ip, device.name, device.seen_at = mac, ARGV[5], ARGV[6], now
  device.browser, device.random = ARGV[7], ARGV[8] == '1'
  -- what was seen once stays so for as long as it is the same device
  device.told = is_told and (verdict ~= 'known' or device.told) or nil
  redis.call('HSET', KEYS[1], id, cjson.encode(device))
  redis.call('HSET', KEYS[2], mac, member .. ':' .. id)
  redis.call('XADD', KEYS[3], '*', 'type', 'hotspot.device', 'data', cjson.encode({
    member = member, slot = id, mac = mac, ip = ARGV[5], name = ARGV[6], verdict = verdict, at = now,
    told = device.told or false,
  }))
  return { verdict, id, former or '' }
end

local function turn(id, device, verdict)
  local former = device.mac
  redis.call('HDEL', KEYS[2], former)
  device.former = device.former or {}
  table.insert(device.former, 1, former)
  while #device.former > FORMER do table.remove(device.former) end
  return keep(id, device, verdict, former)
end

if owner == member and slots[owned] then return keep(owned, slots[owned], 'known') end
-- the same browser with another random MAC is the same device
for id, device in pairs(slots) do
  if ARGV[8] == '1' and device.random and ARGV[7] ~= '' and device.browser == ARGV[7] then
    return turn(id, device, 'turned')
  end
end
if ARGV[10] ~= '' and slots[ARGV[10]] then return turn(ARGV[10], slots[ARGV[10]], 'replaced') end
if count >= tonumber(ARGV[9]) then return { 'full', '', '' } end
return keep(slot, { added_at = now }, 'added')
