-- What every hotspot script shares: the announcement of an account as it is now.

-- Only what is lasting goes into the log: never a look, never a password.
local LASTING = { 'phone', 'approved', 'unlimited', 'expires_at', 'purchased', 'used',
  'fup_percent', 'package', 'settled' }

local function announce_account(account, events, member, now)
  local values = redis.call('HMGET', account, unpack(LASTING))
  local data = { member = member, at = tonumber(now) }
  for place, name in ipairs(LASTING) do data[name] = values[place] or '' end
  redis.call('XADD', events, '*', 'type', 'hotspot.changed', 'data', cjson.encode(data))
end
