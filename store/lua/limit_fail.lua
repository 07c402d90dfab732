-- Counts a failure; when the window holds too many, the subject has to wait, each time longer.
-- KEYS: failures, locked, strikes
-- ARGV: most, window_seconds, first_wait_seconds, longest_wait_seconds
-- Returns how many seconds the subject has to wait now, 0 when none.
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('EXPIRE', KEYS[1], ARGV[2]) end
if count < tonumber(ARGV[1]) then return 0 end
local strikes = redis.call('INCR', KEYS[3])
redis.call('EXPIRE', KEYS[3], 86400)
local wait = math.min(tonumber(ARGV[3]) * 2 ^ (strikes - 1), tonumber(ARGV[4]))
redis.call('SET', KEYS[2], '1', 'EX', wait)
redis.call('DEL', KEYS[1])
return wait
