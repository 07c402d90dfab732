-- Gives a pupil of one meeting another name: in its list, and in the gate of one day.
-- KEYS: roster, students, devices, familiar, locator (of the record here), events, built
-- ARGV: student, student of the new name, JSON { name, class }, the record as it was read or '',
--       ttl_ms of the day, event JSON
-- Returns 'renamed', 'moved' (read again), 'both' (the new name is in as well) or 'unbuilt'.
--#include attendance_rules.lua
if redis.call('EXISTS', KEYS[7]) == 0 then return 'unbuilt' end
local from, to, here = ARGV[1], ARGV[2], ARGV[4]
if (redis.call('HGET', KEYS[2], from) or '') ~= here then return 'moved' end
if here ~= '' and from ~= to and redis.call('HEXISTS', KEYS[2], to) == 1 then return 'both' end

local person = cjson.decode(ARGV[3])
if redis.call('HDEL', KEYS[1], from) == 1 then redis.call('HSET', KEYS[1], to, ARGV[3]) end
if here ~= '' then
  local record = cjson.decode(here)
  record.student, record.name, record.class = to, person.name, person.class
  redis.call('HDEL', KEYS[2], from)
  keep_record(KEYS[2], KEYS[5], record, cjson.encode(record), tonumber(ARGV[5]))
  for _, devices in ipairs({ KEYS[3], KEYS[4] }) do
    if record.device ~= '' and redis.call('HGET', devices, record.device) == from then
      redis.call('HSET', devices, record.device, to)
    end
  end
end
redis.call('XADD', KEYS[6], '*', 'type', 'student.renamed', 'data', ARGV[6])
return 'renamed'
