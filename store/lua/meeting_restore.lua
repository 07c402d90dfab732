-- Puts a meeting and its list back from the lasting copy; one that is here already stays.
-- KEYS: meeting, meetings, meeting_ends, roster
-- ARGV: id, number of words of the meeting, field, value, …, then student id, JSON, …
-- Returns 1 when it was put back.
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local words = tonumber(ARGV[2])
local fields = {}
for at = 1, words do fields[at] = ARGV[at + 2] end
redis.call('HSET', KEYS[1], unpack(fields))
local now = redis.call('HMGET', KEYS[1], 'starts_at', 'ends_at', 'is_active')
redis.call('ZADD', KEYS[2], now[1], ARGV[1])
if now[3] == '1' then redis.call('ZADD', KEYS[3], now[2], ARGV[1]) end
for at = words + 3, #ARGV, 2 do redis.call('HSET', KEYS[4], ARGV[at], ARGV[at + 1]) end
return 1
