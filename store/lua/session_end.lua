-- Ends sessions of one member, and with a status given bars the member in the same step.
-- KEYS: sessions, ended, member, events, clocks
-- ARGV: which (a sid, 'web', 'mobile' or 'all'), except (a sid or ''), reason, kick_id, by,
--       drain_ms, status ('' leaves it)
-- Returns the tombstones as JSON; { 'gone' } when a status was given for a member that is not there.
--#include session_rules.lua
--#include member_rules.lua
local keys = { sessions = KEYS[1], ended = KEYS[2], member = KEYS[3], events = KEYS[4], clocks = KEYS[5] }
local which, except = ARGV[1], ARGV[2]
local now = now_ms()

if ARGV[7] ~= '' then
  local id = redis.call('HGET', keys.member, 'id')
  if not id then return { 'gone' } end
  redis.call('HSET', keys.member, 'status', ARGV[7], 'updated_at', moment_of_change(keys.member))
  announce(keys.events, 'member.changed', { member = id })
end

local function chosen()
  if which ~= 'web' and which ~= 'mobile' and which ~= 'all' then
    return { read_session(keys.sessions, which) }
  end
  local found = {}
  for _, record in ipairs(all_live(keys.sessions, now)) do
    if which == 'all' or record.kind == which then table.insert(found, record) end
  end
  return found
end

local ended = {}
for _, record in ipairs(chosen()) do
  if record.sid ~= except and still_live(keys, record, now) then
    local tomb = end_session(keys, record, {
      reason = ARGV[3], kick_id = ARGV[4], by = ARGV[5], drain_ms = tonumber(ARGV[6]),
    }, now)
    table.insert(ended, cjson.encode(tomb))
  end
end
return ended
