-- Begins an attendance request: takes one of the device's turns, and reads meeting and clock.
-- KEYS: turns (the device's window), meeting, built
-- ARGV: most turns (0 takes none), window_ms
-- Returns { wait_ms (0: go on), turns taken, now_ms, { meeting's field, value, … } } or { 'unbuilt' }.
if redis.call('EXISTS', KEYS[3]) == 0 then return { 'unbuilt' } end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local wait, count = 0, 0
local most = tonumber(ARGV[1])
if most > 0 then
  count = redis.call('INCR', KEYS[1])
  if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
  if count > most then wait = math.max(redis.call('PTTL', KEYS[1]), 1) end
end
return { wait, count, now, redis.call('HGETALL', KEYS[2]) }
