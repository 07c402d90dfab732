-- Counts a refusal in the window that is running, and writes it to the audit when its line's count is
-- 1, 10, 100, …
-- KEYS: refusals, events
-- ARGV: line (act, subject and source), act, subject, ip, actor, window (seconds), most lines
-- Returns 1 when an entry was written, else 0.
local time = redis.call('TIME')
local line, act, subject, ip, actor = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]

-- A line too many is one of a common line's: a window has so many fields and no more.
if redis.call('HEXISTS', KEYS[1], line) == 0 and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[7]) then
  line, act, subject, ip, actor = 'beyond', 'refused.many', '', '', ''
end
local count = redis.call('HINCRBY', KEYS[1], line, 1)
if redis.call('TTL', KEYS[1]) < 0 then redis.call('EXPIRE', KEYS[1], ARGV[6]) end

local place = count
while place % 10 == 0 do place = place / 10 end
if place ~= 1 then return 0 end
redis.call('XADD', KEYS[2], '*', 'type', 'audit', 'data', cjson.encode({
  actor = actor, act = act, subject = subject, ip = ip,
  detail = { count = count, window_seconds = tonumber(ARGV[6]) },
  at = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000),
}))
return 1
