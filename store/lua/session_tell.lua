-- Notes that a client which came back is told now that its session ended.
-- KEYS: told
-- ARGV: sid:tab, most that are remembered, seconds
-- Returns 1 when it is to be told: the first time, and while there is room to remember it.
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 then return 0 end
if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], '1')
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
