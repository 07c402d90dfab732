-- Begins an attendance request: takes a turn of the device and one of the address, notes the pace at
-- which the address sends, and reads meeting and clock.
-- KEYS: turns of the device, of the address at this meeting, its pace, meeting, built
-- ARGV: most turns of the device (0 takes none), window_ms, most turns of the address where the
--       meeting says nothing, window_ms, pace_window_ms
-- Returns { wait_ms (0: go on), 1 for the first turn too many of a window, pace (requests of this
-- address in its window), now_ms, { meeting's field, value, … } } or { 'unbuilt' }.
if redis.call('EXISTS', KEYS[5]) == 0 then return { 'unbuilt' } end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

local function count(key, window_ms)
  local taken = redis.call('INCR', key)
  if taken == 1 then redis.call('PEXPIRE', key, window_ms) end
  return taken
end

local wait, first = 0, 0
local function take(key, most, window_ms)
  local taken = count(key, window_ms)
  if taken > most then wait = math.max(wait, redis.call('PTTL', key), 1) end
  if taken == most + 1 then first = 1 end
end

local most = tonumber(ARGV[1])
if most > 0 then take(KEYS[1], most, ARGV[2]) end
-- a meeting that is not there has no turns to give, and made-up ones must not fill Redis
local pace = 0
if redis.call('EXISTS', KEYS[4]) == 1 then
  local own = redis.call('HGET', KEYS[4], 'per_address')
  take(KEYS[2], tonumber(own or ARGV[3]), ARGV[4])
  pace = count(KEYS[3], ARGV[5])
end
return { wait, first, pace, now, redis.call('HGETALL', KEYS[4]) }
