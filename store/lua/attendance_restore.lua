-- Puts attendances back into their gate, from the lasting copy. What is here already stays, unless
-- it is an older state of the same record, or a second record of somebody who was in before it.
-- KEYS: students, devices, then one locator for each record
-- ARGV: ttl_ms, then one record JSON for each
-- Returns how many were put back.
local ttl = ARGV[1]
local restored = 0

local function is_newer(record, text)
  if not text then return true end
  local known = cjson.decode(text)
  if known.id == record.id then return tonumber(known.changed_at) < tonumber(record.changed_at) end
  return tonumber(record.at) < tonumber(known.at)
end

for at = 2, #ARGV do
  local record = cjson.decode(ARGV[at])
  if is_newer(record, redis.call('HGET', KEYS[1], record.student)) then
    restored = restored + 1
    redis.call('HSET', KEYS[1], record.student, ARGV[at])
    redis.call('SET', KEYS[at + 1], record.meeting .. ' ' .. record.day .. ' ' .. record.student, 'PX', ttl)
    if record.device ~= '' then redis.call('HSETNX', KEYS[2], record.device, record.student) end
  end
end
redis.call('PEXPIRE', KEYS[1], ttl)
redis.call('PEXPIRE', KEYS[2], ttl)
return restored
