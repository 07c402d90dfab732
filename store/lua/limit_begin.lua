-- Counts a try before anything is looked up, so that many at once are no more than as many in a row.
-- KEYS: tries, locked
-- ARGV: most, window_seconds, try (its own name), now_ms, how long one may be under way (ms)
-- Returns 0 (go on), the milliseconds that the subject has to wait, or -1: as many are under way as
-- may still be wrong.
local wait = redis.call('PTTL', KEYS[2])
if wait > 0 then return wait end
local now, kept, counted = tonumber(ARGV[4]), redis.call('HGETALL', KEYS[1]), 0
for at = 1, #kept, 2 do
  local field, value = kept[at], tonumber(kept[at + 1])
  if field == 'wrong' then
    counted = counted + value
  elseif value > now then
    counted = counted + 1
  else
    -- nobody will end it: its process was killed (or counted otherwise, before an upgrade)
    redis.call('HDEL', KEYS[1], field)
  end
end
if counted >= tonumber(ARGV[1]) then return -1 end
redis.call('HSET', KEYS[1], ARGV[3], now + tonumber(ARGV[5]))
if redis.call('TTL', KEYS[1]) < 0 then redis.call('EXPIRE', KEYS[1], ARGV[2]) end
return 0
