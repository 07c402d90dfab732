-- Opens a session: decides, swaps and announces in one step, so that one member has at most one
-- live web session whatever the concurrency.
-- KEYS: sessions, ended, member, events, clocks, built, ticket, hotspot account
-- ARGV: record JSON, keep (1|0), fp_decides (1|0), grace_ms, kick_id, trace (what a device without
--       a cookie is told apart by, or ''), whether it is by a code to the phone (1|0), hash that a
--       password was checked against ('' where none was)
-- Returns { 'opened', record JSON, replaced JSON or '' }, { 'conflict', epoch }, { 'denied' } (the
-- live device has just said no), { 'refused', status }, { 'waiting' } (not approved), { 'role' }
-- (needs more than a code), { 'changed' } (another password by now), { 'gone' } or { 'unbuilt' }.
--#include session_rules.lua
local keys = { sessions = KEYS[1], ended = KEYS[2], member = KEYS[3], events = KEYS[4], clocks = KEYS[5] }
if redis.call('EXISTS', KEYS[6]) == 0 then return { 'unbuilt' } end
local status = redis.call('HGET', keys.member, 'status')
if not status then return { 'gone' } end
if status ~= 'active' then return { 'refused', status } end
if ARGV[8] ~= '' and redis.call('HGET', keys.member, 'password') ~= ARGV[8] then return { 'changed' } end
if ARGV[7] == '1' then
  if redis.call('HGET', keys.member, 'role') ~= 'member' then return { 'role' } end
elseif is_waiting(keys.member, KEYS[8]) then
  return { 'waiting' }
end

local now = now_ms()
local record = cjson.decode(ARGV[1])
local keep = ARGV[2] == '1'
local epoch = tonumber(redis.call('HGET', keys.sessions, 'epoch') or '0')

local function held_session()
  if record.kind == 'web' then
    local sid = redis.call('HGET', keys.sessions, 'web')
    return sid and read_session(keys.sessions, sid)
  end
  local sid = redis.call('HGET', keys.sessions, 'device:' .. record.device)
  return sid and read_session(keys.sessions, sid)
end

local held = held_session()
if held then held = still_live(keys, held, now) end

-- A phone that may go on logging in as ever new devices would fill Redis.
local MOST_PHONES = 10

local function make_room()
  local phones = {}
  for _, one in ipairs(all_live(keys.sessions, now)) do
    if one.kind == 'mobile' then table.insert(phones, one) end
  end
  if #phones < MOST_PHONES then return end
  local primary = primary_of(keys.sessions, now)
  table.sort(phones, function(one, other) return one.last_seen < other.last_seen end)
  local oldest = phones[1].device ~= primary and phones[1] or phones[2]
  end_session(keys, oldest, { reason = 'replaced', kick_id = ARGV[5], by = record.device_name }, now)
end

local same = held and (held.device == record.device
  or (ARGV[3] == '1' and record.fp ~= '' and held.fp == record.fp))

-- A ticket says that this device may take the place from the holder that was seen then; another
-- holder is asked about again.
local ticket = redis.call('GET', KEYS[7])
if ticket then
  redis.call('DEL', KEYS[7])
  ticket = cjson.decode(ticket)
  if ticket.device == record.device and ticket.epoch == epoch then keep = true end
end
if held and not same and record.method == 'password' then
  for _, who in ipairs({ record.device, ARGV[6] }) do
    local until_ms = tonumber(redis.call('HGET', keys.sessions, 'refused:' .. who) or '0')
    if who ~= '' and now < until_ms then return { 'denied' } end
  end
end
if held and not same and not keep then return { 'conflict', epoch } end

epoch = epoch + 1
record.epoch = epoch
record.opened_at = now
record.last_seen = now
if record.lifetime_ms then record.cap_at = now + record.lifetime_ms end
if record.remember_ms then record.remember_until = now + record.remember_ms end
if record.access_ms then record.secret_until = now + record.access_ms end

if record.kind == 'mobile' then
  record.since = held and since(held) or epoch
  if not held then make_room() end
end

local replaced = ''
if held then
  replaced = cjson.encode(end_session(keys, held, {
    reason = 'replaced', kick_id = ARGV[5], by = record.device_name,
    drain_ms = tonumber(ARGV[4]), same_browser = same and true or false,
  }, now))
end

redis.call('HSET', keys.sessions, record.sid, cjson.encode(record), record.sid .. ':seen', now, 'epoch', epoch)
if record.kind == 'web' then
  redis.call('HSET', keys.sessions, 'web', record.sid)
  redis.call('HSET', keys.member, 'fingerprint_device', record.fp ~= '' and record.fp or record.device,
    'action', 'keep')
else
  redis.call('HSET', keys.sessions, 'device:' .. record.device, record.sid)
end
write_card(keys.sessions, record, now)
local clock = next_clock(record)
if clock then redis.call('ZADD', keys.clocks, clock, record.member .. ':' .. record.sid) end
announce(keys.events, 'session.opened', {
  member = record.member, sid = record.sid, kind = record.kind, method = record.method,
  device = record.device, device_name = record.device_name, fp = record.fp, ip = record.ip,
  user_agent = record.user_agent, browser_id = record.browser_id, epoch = epoch, at = now,
  is_primary = record.kind == 'mobile' and primary_of(keys.sessions, now) == record.device,
})
return { 'opened', cjson.encode(record), replaced }
