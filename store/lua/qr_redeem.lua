-- Takes an approval, once. It lapses with its time, with the session that gave it, and when a
-- device that was put out has said "not me" since.
-- KEYS: request, events, open requests, sessions of the member who approved
-- ARGV: –
-- Returns { 'redeemed', record JSON }, { 'expired' }, { 'state', state } or { 'unknown' }.
--#include qr_rules.lua
local keys = { request = KEYS[1], events = KEYS[2], open = KEYS[3] }
local now = now_ms()
local record = present_request(keys, now)
if not record then return { 'unknown' } end
if record.state == 'expired' then return { 'expired' } end
if record.state ~= 'approved' then return { 'state', record.state } end

local frozen_at = tonumber(redis.call('HGET', KEYS[4], 'frozen:at') or '0')
if redis.call('HEXISTS', KEYS[4], record.sid) == 0 or record.approved_at <= frozen_at then
  turn(keys, record, 'expired', now)
  return { 'expired' }
end
turn(keys, record, 'redeemed', now)
return { 'redeemed', cjson.encode(record) }
