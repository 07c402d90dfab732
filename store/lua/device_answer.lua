-- The live web session says yes or no to a login elsewhere. A no holds for a while, for that device
-- and, should it drop its cookie, for whatever comes from the same place in the same browser.
-- KEYS: sessions, events
-- ARGV: sid of the one who answers, attempt id, allowed (1|0), ms that a no holds
-- Returns 1, or 0 when the question is not there (any more), or not this session's.
--#include session_rules.lua
local now = now_ms()
if redis.call('HGET', KEYS[1], 'web') ~= ARGV[1] then return 0 end
local record = read_session(KEYS[1], ARGV[1])
local attempt, place
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  if string.sub(field, 1, 8) == 'attempt:' then
    local one = cjson.decode(redis.call('HGET', KEYS[1], field))
    if one.id == ARGV[2] and now < one.until_at then attempt, place = one, field end
  elseif string.sub(field, 1, 8) == 'refused:' then
    if tonumber(redis.call('HGET', KEYS[1], field)) <= now then redis.call('HDEL', KEYS[1], field) end
  end
end
if not attempt then return 0 end

redis.call('HDEL', KEYS[1], place)
local allowed = ARGV[3] == '1'
if not allowed then
  local until_at = now + tonumber(ARGV[4])
  redis.call('HSET', KEYS[1], 'refused:' .. attempt.device, until_at, 'refused:' .. attempt.trace, until_at)
  announce(KEYS[2], 'audit', {
    member = record.member, actor = record.member, act = 'login.refused', subject = record.member,
    detail = { device_name = attempt.device_name, ip = attempt.ip, by = record.device_name },
    ip = record.ip, at = now,
  })
end
announce(KEYS[2], 'login.answered', {
  member = record.member, sid = record.sid, attempt = attempt.id, allowed = allowed, at = now,
})
return 1
