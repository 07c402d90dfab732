-- Puts attendances back into their gate, from the lasting copy; what is here already stays.
-- KEYS: students, devices, then one locator for each record
-- ARGV: ttl_ms, then one record JSON for each
-- Returns how many were put back.
local ttl = ARGV[1]
local restored = 0
for at = 2, #ARGV do
  local record = cjson.decode(ARGV[at])
  if redis.call('HSETNX', KEYS[1], record.student, ARGV[at]) == 1 then
    restored = restored + 1
    redis.call('SET', KEYS[at + 1], record.meeting .. ' ' .. record.day .. ' ' .. record.student, 'PX', ttl)
    if record.device ~= '' then redis.call('HSETNX', KEYS[2], record.device, record.student) end
  end
end
redis.call('PEXPIRE', KEYS[1], ttl)
redis.call('PEXPIRE', KEYS[2], ttl)
return restored
