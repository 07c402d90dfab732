-- Ends a try. When the window holds too many wrong ones the subject has to wait, each time longer.
-- KEYS: tries, locked, strikes
-- ARGV: 'wrong' | 'right' (the wrong ones before are forgotten) | 'nothing', most, window_seconds,
--       first_wait_seconds, longest_wait_seconds, try (its own name)
-- Returns how many seconds the subject has to wait now, 0 when none.
local outcome = ARGV[1]
if outcome == 'right' then
  redis.call('HDEL', KEYS[1], 'wrong')
  redis.call('DEL', KEYS[3])
end
redis.call('HDEL', KEYS[1], ARGV[6])
if outcome ~= 'wrong' then return 0 end

local wrong = redis.call('HINCRBY', KEYS[1], 'wrong', 1)
if redis.call('TTL', KEYS[1]) < 0 then redis.call('EXPIRE', KEYS[1], ARGV[3]) end
if wrong < tonumber(ARGV[2]) then return 0 end
local strikes = redis.call('INCR', KEYS[3])
redis.call('EXPIRE', KEYS[3], 86400)
local wait = math.min(tonumber(ARGV[4]) * 2 ^ (strikes - 1), tonumber(ARGV[5]))
redis.call('SET', KEYS[2], '1', 'EX', wait)
redis.call('DEL', KEYS[1])
return wait
