-- What the attendance scripts share: announcing, and keeping what was refused.

local function announce(events, kind, data)
  redis.call('XADD', events, '*', 'type', kind, 'data', cjson.encode(data))
end

-- After so many refusals of one meeting and day nobody reads more, and a flood must fill neither
-- Redis nor Postgres.
local MOST_ATTEMPTS = 1000

-- `attempt` is what the caller knows of it; `winner` the record it lost to, or nil.
local function note_refusal(attempts, events, attempt, kind, winner, ttl_ms)
  if redis.call('LLEN', attempts) >= MOST_ATTEMPTS then return end
  attempt.type = kind
  if winner then
    attempt.winner_name = winner.name
    attempt.winner_class = winner.class
    attempt.winner = winner.id
  end
  redis.call('RPUSH', attempts, cjson.encode(attempt))
  redis.call('PEXPIRE', attempts, ttl_ms)
  announce(events, 'attendance.refused', attempt)
end

-- Writes a record and where it is found. `text` is its JSON, kept as it came.
local function keep_record(students, locator, record, text, ttl_ms)
  redis.call('HSET', students, record.student, text)
  redis.call('PEXPIRE', students, ttl_ms)
  redis.call('SET', locator, record.meeting .. ' ' .. record.day .. ' ' .. record.student, 'PX', ttl_ms)
end
