-- What every QR script shares: the clock, the record, and when a request is over.
-- States: pending → scanned → approved → redeemed; rejected and expired end it. An end is final.

local function now_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- How long an ended request still says how it ended; afterwards it is an unknown one.
local REMEMBER_MS = 300000

local function read_request(keys)
  local text = redis.call('GET', keys.request)
  return text and cjson.decode(text) or nil
end

local function announce_request(keys, record, now)
  redis.call('XADD', keys.events, '*', 'type', 'qr.' .. record.state, 'data', cjson.encode({
    request = record.id, member = record.member, sid = record.sid, match = record.number,
    delivery = record.delivery, at = now,
  }))
end

-- Writes a record in its new state, and says so.
local function turn(keys, record, state, now)
  record.state = state
  local over_at = state == 'approved' and record.grant_until or record.deadline
  redis.call('SET', keys.request, cjson.encode(record), 'PX', math.max(over_at - now, 0) + REMEMBER_MS)
  if state == 'pending' or state == 'scanned' or state == 'approved' then
    redis.call('ZADD', keys.open, over_at, record.id)
  else
    redis.call('ZREM', keys.open, record.id)
  end
  announce_request(keys, record, now)
end

-- A request waits until its deadline, an approval for the browser that it was given to.
local function is_due(record, now)
  if record.state == 'pending' or record.state == 'scanned' then return now >= record.deadline end
  return record.state == 'approved' and now >= record.grant_until
end

-- The record as it is now, nil when there is none: one whose time is over expires here, once.
local function present_request(keys, now)
  local record = read_request(keys)
  if record and is_due(record, now) then turn(keys, record, 'expired', now) end
  return record
end
