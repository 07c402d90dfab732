-- Takes one of the turns that a window holds.
-- KEYS: turns (the window's counter)
-- ARGV: most, window_seconds
-- Returns 0 when there was one, else the milliseconds until the window ends.
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('EXPIRE', KEYS[1], ARGV[2]) end
if count <= tonumber(ARGV[1]) then return 0 end
return math.max(redis.call('PTTL', KEYS[1]), 1)
