-- Takes of the turns that a window holds, or of whatever else it counts.
-- KEYS: turns (the window's counter)
-- ARGV: most, window_seconds, how many are taken (1 when left out)
-- Returns 0 when there was one, else the milliseconds until the window ends.
local amount = tonumber(ARGV[3] or 1)
local count = redis.call('INCRBY', KEYS[1], amount)
if count == amount then redis.call('EXPIRE', KEYS[1], ARGV[2]) end
if count <= tonumber(ARGV[1]) then return 0 end
return math.max(redis.call('PTTL', KEYS[1]), 1)
