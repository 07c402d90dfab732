-- Who is this credential, and may it act? Checks first, writes the activity only if it lives.
-- KEYS: sessions, ended, member, events, clocks, built, hotspot account
-- ARGV: sid, mark of the credential (of its secret and kind), touch (1|0), touch_after_ms (a fresher `last_seen` is left alone),
--       whether members who wait for approval are served (1|0)
-- Returns { 'live'|'draining', record JSON, now, waits (1|0), member fields… }, { 'ended', tombstone
-- JSON }, { 'expired', reason }, { 'stale' } (the token's own time is over), { 'waiting' } (not
-- approved, and not served), { 'unknown' }, { 'unbuilt' }.
--#include session_rules.lua
local keys = { sessions = KEYS[1], ended = KEYS[2], member = KEYS[3], events = KEYS[4], clocks = KEYS[5] }
local sid, hash, now = ARGV[1], ARGV[2], now_ms()
-- what lives here may have ended: this Redis was emptied, or is an older copy of itself
if redis.call('EXISTS', KEYS[6]) == 0 then return { 'unbuilt' } end

local function opens(record)
  if record.secret == hash or record.bearer == hash then
    return not record.secret_until or now < record.secret_until, true
  end
  if record.secret_prev and record.secret_prev == hash then
    return now < record.secret_prev_until, true
  end
  return false, false
end

local waits = is_waiting(keys.member, KEYS[7])
local is_served = not waits or ARGV[5] == '1'

local function answer(verdict, record)
  if not is_served then return { 'waiting' } end
  local member = redis.call('HMGET', keys.member, 'username', 'name', 'email', 'role', 'must_change')
  -- a role that came after the login needs more than a code
  if record.by_code and member[4] ~= 'member' then return { 'unknown' } end
  return { verdict, cjson.encode(record), now, waits and 1 or 0, unpack(member) }
end

local record = read_session(keys.sessions, sid)
if not record then
  local tomb = redis.call('HGET', keys.ended, sid)
  if not tomb then return { 'unknown' } end
  record = cjson.decode(tomb)
  local fits, known = opens(record)
  if not known then return { 'unknown' } end
  if fits and now < record.drain_until then return answer('draining', record) end
  return { 'ended', tomb }
end

local fits, known = opens(record)
if not known then return { 'unknown' } end
local lives, reason = still_live(keys, record, now)
if not lives then return { 'expired', reason } end
if not fits then return { 'stale' } end
if ARGV[3] == '1' and is_served and now - record.last_seen >= tonumber(ARGV[4]) then
  record.last_seen = now
  redis.call('HSET', keys.sessions, sid .. ':seen', now)
end
return answer('live', record)
