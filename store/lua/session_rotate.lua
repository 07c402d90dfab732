-- Turns the generation of a long-lived token (remember cookie, refresh token): each is used once,
-- and the one just used still answers with the same successor for a moment, because a browser
-- that is opened again sends it from several tabs at once.
-- KEYS: sessions, ended, member, events, clocks, hotspot account
-- ARGV: sid, generation presented, device ('' for a refresh token), tolerance_ms, hash of the secret that
--       goes with the next generation, kick_id, trace (what the one who asks is recognised by),
--       whether members who wait for approval are served (1|0)
-- Returns { 'rotated'|'repeated', record JSON }, { 'reused', record JSON } (its family was ended),
-- { 'expired', reason }, { 'ended', tombstone JSON }, { 'waiting' } (not approved, and not served)
-- or { 'unknown' }.
--#include session_rules.lua
local keys = { sessions = KEYS[1], ended = KEYS[2], member = KEYS[3], events = KEYS[4], clocks = KEYS[5] }
local sid, generation, now = ARGV[1], tonumber(ARGV[2]), now_ms()

local record = read_session(keys.sessions, sid)
if not record then
  local tomb = redis.call('HGET', keys.ended, sid)
  return tomb and { 'ended', tomb } or { 'unknown' }
end
local lives, reason = still_live(keys, record, now)
if not lives then return { 'expired', reason } end
if not record.generation then return { 'unknown' } end
if ARGV[8] ~= '1' and is_waiting(keys.member, KEYS[6]) then return { 'waiting' } end
-- A remember cookie belongs to its browser: sent without one to compare, it opens nothing.
-- And a refresh token is no remember cookie: each brings its own kind of credential.
if record.access_ms then
  if ARGV[3] ~= '' then return { 'unknown' } end
elseif record.device ~= ARGV[3] then
  return { 'unknown' }
end
if record.remember_until and now >= record.remember_until then return { 'expired', 'remember' } end

-- Only we write tokens: one that is ahead of us was given out by a Redis of which this is an older copy.
if generation > record.generation then record.generation = generation end
local is_prompt = now - record.rotated_at <= tonumber(ARGV[4])
if generation == record.generation - 1 and is_prompt and record.rotated_by == ARGV[7] then
  return { 'repeated', cjson.encode(record) }
end
if generation ~= record.generation then
  if record.access_ms then
    end_session(keys, record, { reason = 'token_reuse', kick_id = ARGV[6], by = 'server' }, now)
    return { 'reused', cjson.encode(record) }
  end
  return { 'unknown' }
end

if record.access_ms then
  record.secret_prev = record.secret
  record.secret_prev_until = record.secret_until
  record.secret_until = now + record.access_ms
end
record.secret = ARGV[5]
record.bearer = nil
record.generation = generation + 1
record.rotated_at = now
record.rotated_by = ARGV[7]
record.last_seen = now
redis.call('HSET', keys.sessions, sid, cjson.encode(record), sid .. ':seen', now)
return { 'rotated', cjson.encode(record) }
