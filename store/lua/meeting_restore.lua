-- Puts a meeting and its list back from the lasting copy, unless what is here is as new.
-- KEYS: meeting, meetings, meeting_ends, roster
-- ARGV: id, whether the list there is newer than one that is here (1|0), number of words of the
--       meeting, field, value, …, then student id, JSON, …
-- Returns 1 when the meeting was put back.
local words = tonumber(ARGV[3])
local fields, given = {}, {}
for at = 1, words, 2 do
  fields[at], fields[at + 1] = ARGV[at + 3], ARGV[at + 4]
  given[fields[at]] = fields[at + 1]
end
local known = redis.call('HGET', KEYS[1], 'version')
if not known or ARGV[2] == '1' then
  redis.call('DEL', KEYS[4])
  for at = words + 4, #ARGV, 2 do redis.call('HSET', KEYS[4], ARGV[at], ARGV[at + 1]) end
end
if known and tonumber(known) >= tonumber(given.version) then return 0 end
redis.call('HSET', KEYS[1], unpack(fields))
redis.call('ZADD', KEYS[2], given.starts_at, ARGV[1])
if given.is_active == '1' then
  redis.call('ZADD', KEYS[3], given.ends_at, ARGV[1])
else
  redis.call('ZREM', KEYS[3], ARGV[1])
end
return 1
