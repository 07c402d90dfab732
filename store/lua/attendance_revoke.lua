-- Takes an attendance back: student and device may fill in again at once, the old cookie is void.
-- KEYS: students, devices, revoked, events, built, locator, familiar
-- ARGV: record JSON, ttl_ms (0: the day is kept in Postgres alone), revocation JSON, audit JSON
-- Returns 'revoked', 'moved' (it was changed meanwhile) or 'unbuilt'.
--#include attendance_rules.lua
if redis.call('EXISTS', KEYS[5]) == 0 then return 'unbuilt' end
local record = cjson.decode(ARGV[1])
local ttl = tonumber(ARGV[2])
if ttl > 0 then
  local here = redis.call('HGET', KEYS[1], record.student)
  if not here or cjson.decode(here).id ~= record.id then return 'moved' end
  redis.call('HDEL', KEYS[1], record.student)
  if record.device ~= '' and redis.call('HGET', KEYS[2], record.device) == record.student then
    redis.call('HDEL', KEYS[2], record.device)
  end
  redis.call('SADD', KEYS[3], record.id)
  redis.call('PEXPIRE', KEYS[3], ttl)
end
redis.call('DEL', KEYS[6])
-- what was taken back says nothing of whose device it is
if record.device ~= '' and redis.call('HGET', KEYS[7], record.device) == record.student then
  redis.call('HDEL', KEYS[7], record.device)
end
redis.call('XADD', KEYS[4], '*', 'type', 'attendance.revoked', 'data', ARGV[3])
redis.call('XADD', KEYS[4], '*', 'type', 'audit', 'data', ARGV[4])
return 'revoked'
