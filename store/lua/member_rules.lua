-- What every script shares that changes a member's row.

-- The moment (ms) of a change of this row. It never goes back and is never the same twice, also
-- after a failover to a server whose clock is behind: the copy in Postgres takes what is newer.
local function moment_of_change(member)
  local time = redis.call('TIME')
  local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
  return math.max(now, tonumber(redis.call('HGET', member, 'updated_at') or '0') + 1)
end
