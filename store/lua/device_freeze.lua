-- "Not me": a web session that a login elsewhere has just put out ends that one too, once.
-- KEYS: sessions, ended, member, events, clocks
-- ARGV: sid and hash of the secret of the one that was put out, ms that it may say so, kick_id,
--       only ask (1|0)
-- Returns { 'frozen', tombstone JSON… } or { 'unknown' }.
--#include session_rules.lua
local keys = { sessions = KEYS[1], ended = KEYS[2], member = KEYS[3], events = KEYS[4], clocks = KEYS[5] }
local now = now_ms()
local text = redis.call('HGET', keys.ended, ARGV[1])
local tomb = text and cjson.decode(text)
local may = tomb and tomb.secret == ARGV[2] and tomb.kind == 'web' and tomb.reason == 'replaced'
  and not tomb.same_browser and not tomb.frozen and now - tomb.ended_at < tonumber(ARGV[3])
if not may then return { 'unknown' } end
if ARGV[5] == '1' then return { 'frozen' } end

tomb.frozen = true
tomb.drain_until = math.min(tomb.drain_until, now)
redis.call('HSET', keys.ended, tomb.sid, cjson.encode(tomb))
-- a password checked before, a login that chose to stay, an approval: none of them opens any more
redis.call('HSET', keys.sessions, 'frozen:at', now)
redis.call('HINCRBY', keys.sessions, 'epoch', 1)

local why = { reason = 'not_me', kick_id = ARGV[4], by = tomb.device_name }
local answer = end_those(keys, function(record) return record.kind == 'web' end, why, { 'frozen' }, now)
announce(keys.events, 'audit', {
  member = tomb.member, actor = tomb.member, act = 'session.not_me', subject = tomb.member,
  detail = { sid = tomb.sid, device_name = tomb.device_name }, ip = tomb.ip, at = now,
})
return answer
