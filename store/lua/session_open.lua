-- Opens a session: decides, swaps and announces in one step, so that one member has at most one
-- live web session whatever the concurrency.
-- KEYS: sessions, ended, member, events, clocks, built, ticket
-- ARGV: record JSON, keep (1|0), fp_decides (1|0), grace_ms, kick_id
-- Returns { 'opened', record JSON, replaced JSON or '' }, { 'conflict', epoch }, { 'refused',
-- status }, { 'gone' } or { 'unbuilt' }.
--#include session_rules.lua
local keys = { sessions = KEYS[1], ended = KEYS[2], member = KEYS[3], events = KEYS[4], clocks = KEYS[5] }
if redis.call('EXISTS', KEYS[6]) == 0 then return { 'unbuilt' } end
local status = redis.call('HGET', keys.member, 'status')
if not status then return { 'gone' } end
if status ~= 'active' then return { 'refused', status } end

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

local same = held and (held.device == record.device
  or (ARGV[3] == '1' and record.fp ~= '' and held.fp == record.fp))

-- A `keep` answer speaks of the holder that was seen then; another holder is asked about again.
local ticket = redis.call('GET', KEYS[7])
if ticket then
  redis.call('DEL', KEYS[7])
  ticket = cjson.decode(ticket)
  if ticket.device == record.device and ticket.keep and ticket.epoch == epoch then keep = true end
end
if held and not same and not keep then return { 'conflict', epoch } end

epoch = epoch + 1
record.epoch = epoch
record.opened_at = now
record.last_seen = now
if record.lifetime_ms then record.cap_at = now + record.lifetime_ms end
if record.remember_ms then record.remember_until = now + record.remember_ms end
if record.access_ms then record.secret_until = now + record.access_ms end

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
local clock = next_clock(record)
if clock then redis.call('ZADD', keys.clocks, clock, record.member .. ':' .. record.sid) end
announce(keys.events, 'session.opened', {
  member = record.member, sid = record.sid, kind = record.kind, method = record.method,
  device = record.device, device_name = record.device_name, fp = record.fp, ip = record.ip,
  user_agent = record.user_agent, browser_id = record.browser_id, epoch = epoch, at = now,
})
return { 'opened', cjson.encode(record), replaced }
