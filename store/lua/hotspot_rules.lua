-- What every hotspot script shares: how a stack is kept, and the announcement of an account as it
-- is now.

-- Only what is lasting goes into the log: never a look, never a password.
local LASTING = { 'phone', 'approved', 'stack', 'settled' }

-- With a day and the bytes used on it so far, when that is what has changed.
local function announce_account(account, events, member, now, day, day_bytes)
  local values = redis.call('HMGET', account, unpack(LASTING))
  local data = { member = member, at = tonumber(now) }
  for place, name in ipairs(LASTING) do data[name] = values[place] or '' end
  if day then
    data.day, data.day_bytes = day, string.format('%.0f', day_bytes)
  end
  redis.call('XADD', events, '*', 'type', 'hotspot.changed', 'data', cjson.encode(data))
end

-- The stack holds what these fields held before there was one.
local function keep_stack(account, stack)
  redis.call('HSET', account, 'stack', stack)
  redis.call('HDEL', account, 'unlimited', 'expires_at', 'purchased', 'used', 'fup_percent',
    'fup_remaining', 'package')
end
