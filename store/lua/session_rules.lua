-- What every session script shares: the clock, when a session is over, and how one is ended.

local function now_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- The record of a live session with its `last_seen`, or nil.
local function read_session(sessions, sid)
  local found = redis.call('HMGET', sessions, sid, sid .. ':seen')
  if not found[1] then return nil end
  local record = cjson.decode(found[1])
  record.last_seen = tonumber(found[2]) or record.opened_at
  return record
end

-- Alive at exactly `idle_ms` of silence and dead above; dead at the cap itself (timeout document).
local function expiry_of(record, now)
  if record.cap_at and now >= record.cap_at then return 'absolute' end
  if record.idle_ms and now - record.last_seen > record.idle_ms then return 'idle' end
  return nil
end

-- The next moment at which a clock of this session can run out, or nil when it has none.
local function next_clock(record)
  local idle_at = record.idle_ms and record.last_seen + record.idle_ms + 1
  if idle_at and record.cap_at then return math.min(idle_at, record.cap_at) end
  return idle_at or record.cap_at
end

-- Whether nobody has approved this member, who is known by a phone alone: such a one has a place in
-- the hotspot's portal and nowhere else. An approval that is not there was not given.
local function is_waiting(member, account)
  return redis.call('HGET', member, 'password') == '!'
    and redis.call('HGET', account, 'approved') ~= '1'
end

local function announce(events, kind, data)
  redis.call('XADD', events, '*', 'type', kind, 'data', cjson.encode(data))
end

-- Tombstones older than this are pruned, and no member keeps more than TOMBSTONES of them.
local TOMBSTONE_MS = 25 * 3600 * 1000
local TOMBSTONES = 1000

local function prune(ended, now)
  local count = redis.call('HLEN', ended)
  -- every 16th end looks, so that the cost of reading them all is shared
  if count < 32 or count % 16 ~= 0 then return end
  local all = redis.call('HGETALL', ended)
  local ages = {}
  for at = 1, #all, 2 do
    table.insert(ages, { sid = all[at], at = cjson.decode(all[at + 1]).ended_at })
  end
  table.sort(ages, function(one, other) return one.at > other.at end)
  for place, tomb in ipairs(ages) do
    if place > TOMBSTONES or now - tomb.at > TOMBSTONE_MS then
      redis.call('HDEL', ended, tomb.sid)
    end
  end
end

-- The sessions of a member whose clocks have not run out, in no order. Reads only.
local function all_live(sessions, now)
  local found = {}
  for _, field in ipairs(redis.call('HKEYS', sessions)) do
    local is_sid = field ~= 'web' and field ~= 'epoch' and not string.find(field, ':', 1, true)
    local record = is_sid and read_session(sessions, field)
    if record and not expiry_of(record, now) then table.insert(found, record) end
  end
  return found
end

local function since(record)
  return record.since or record.epoch
end

-- The device of the phone that has been logged in for longest: the primary one, or ''. Nothing
-- keeps it, so that there is never a second one, and none that has left.
local function primary_of(sessions, now)
  local first
  for _, record in ipairs(all_live(sessions, now)) do
    if record.kind == 'mobile' and (not first or since(record) < since(first)) then first = record end
  end
  return first and first.device or ''
end

-- A device's card: what the list of devices shows of it, also when nobody is logged in there.
local CARDS = 50

local function prune_cards(sessions)
  local cards, used = {}, {}
  for _, field in ipairs(redis.call('HKEYS', sessions)) do
    if string.sub(field, 1, 5) == 'card:' then
      local card = cjson.decode(redis.call('HGET', sessions, field))
      table.insert(cards, { field = field, id = card.id, at = card.seen_at })
    elseif field ~= 'web' and field ~= 'epoch' and not string.find(field, ':', 1, true) then
      used[cjson.decode(redis.call('HGET', sessions, field)).device] = true
    end
  end
  table.sort(cards, function(one, other) return one.at > other.at end)
  for place, card in ipairs(cards) do
    if place > CARDS and not used[card.id] then redis.call('HDEL', sessions, card.field) end
  end
end

local function write_card(sessions, record, now)
  local field = 'card:' .. record.device
  local known = redis.call('HGET', sessions, field)
  local card = known and cjson.decode(known) or { id = record.device, created_at = now }
  card.type, card.name, card.ip, card.seen_at = record.kind, record.device_name, record.ip, now
  redis.call('HSET', sessions, field, cjson.encode(card))
  if not known then prune_cards(sessions) end
end

local function note_on_card(sessions, record)
  local field = 'card:' .. record.device
  local known = redis.call('HGET', sessions, field)
  if not known then return end
  local card = cjson.decode(known)
  card.seen_at = math.max(card.seen_at, record.last_seen)
  redis.call('HSET', sessions, field, cjson.encode(card))
end

-- Ends one live session: out of `sessions`, a tombstone into `ended`, the event into the log.
-- `why` = { reason, kick_id, by, drain_ms, same_browser }. Returns the tombstone.
local function end_session(keys, record, why, now)
  redis.call('HDEL', keys.sessions, record.sid, record.sid .. ':seen')
  if redis.call('HGET', keys.sessions, 'web') == record.sid then
    redis.call('HDEL', keys.sessions, 'web')
    redis.call('HSET', keys.member, 'fingerprint_device', '')
  end
  local seat = 'device:' .. record.device
  if redis.call('HGET', keys.sessions, seat) == record.sid then
    redis.call('HDEL', keys.sessions, seat)
  end
  redis.call('ZREM', keys.clocks, record.member .. ':' .. record.sid)
  note_on_card(keys.sessions, record)
  record.reason = why.reason
  record.kick_id = why.kick_id
  record.by = why.by
  record.ended_at = now
  record.drain_until = now + (why.drain_ms or 0)
  record.same_browser = why.same_browser or false
  redis.call('HSET', keys.ended, record.sid, cjson.encode(record))
  redis.call('PEXPIRE', keys.ended, TOMBSTONE_MS)
  prune(keys.ended, now)
  announce(keys.events, 'session.ended', {
    member = record.member, sid = record.sid, kind = record.kind, device = record.device,
    reason = record.reason, kick_id = record.kick_id, at = now, by = record.by,
    drain_until = record.drain_until, epoch = record.epoch, same_browser = record.same_browser,
    primary = record.kind == 'mobile' and primary_of(keys.sessions, now) or nil,
  })
  return record
end

-- Ends the member's live sessions that are meant; `why` as above. Returns `answer` with the text of
-- their tombstones behind what is in it.
local function end_those(keys, is_meant, why, answer, now)
  for _, record in ipairs(all_live(keys.sessions, now)) do
    if is_meant(record) then table.insert(answer, cjson.encode(end_session(keys, record, why, now))) end
  end
  return answer
end

-- The record if it still lives; ends it (and answers the reason) if a clock has run out unseen.
local function still_live(keys, record, now)
  local reason = expiry_of(record, now)
  if not reason then return record end
  end_session(keys, record, { reason = reason, kick_id = record.sid .. '-' .. reason, by = 'clock' }, now)
  return nil, reason
end
