-- Somebody with the right password met the live web session of another device: tell that one.
-- KEYS: sessions, events
-- ARGV: attempt JSON { id, device, trace, device_name, ip }, ms that it may be answered
-- Returns 1 when it was told, 0 when there is nobody to tell or it was told of this device already.
--#include session_rules.lua
local attempt, now = cjson.decode(ARGV[1]), now_ms()
local sid = redis.call('HGET', KEYS[1], 'web')
local held = sid and read_session(KEYS[1], sid)
if not held or expiry_of(held, now) or held.device == attempt.device then return 0 end

-- A stranger's browsers may not cover the screen of whoever is in.
local MOST_WAITING = 3

local waiting = 0
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  if string.sub(field, 1, 8) == 'attempt:' then
    if cjson.decode(redis.call('HGET', KEYS[1], field)).until_at <= now then
      redis.call('HDEL', KEYS[1], field)
    elseif field == 'attempt:' .. attempt.device then
      return 0
    else
      waiting = waiting + 1
    end
  end
end
if waiting >= MOST_WAITING then return 0 end

attempt.until_at = now + tonumber(ARGV[2])
redis.call('HSET', KEYS[1], 'attempt:' .. attempt.device, cjson.encode(attempt))
announce(KEYS[2], 'login.attempted', {
  member = held.member, sid = held.sid, attempt = attempt.id, device_name = attempt.device_name,
  ip = attempt.ip, at = now, until_at = attempt.until_at,
})
return 1
