-- Who holds the one web session now? Changes nothing.
-- KEYS: sessions, built
-- Returns { record JSON or '', epoch } or { 'unbuilt' }.
--#include session_rules.lua
if redis.call('EXISTS', KEYS[2]) == 0 then return { 'unbuilt' } end
local sid = redis.call('HGET', KEYS[1], 'web')
local record = sid and read_session(KEYS[1], sid)
local lives = record and not expiry_of(record, now_ms())
return { lives and cjson.encode(record) or '', tonumber(redis.call('HGET', KEYS[1], 'epoch') or '0') }
