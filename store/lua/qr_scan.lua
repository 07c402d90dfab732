-- A phone has read the code: from now on only its session decides.
-- KEYS: request, events, open requests
-- ARGV: member, sid, number shown by the browser, numbers offered to the phone (JSON), which of the
--       request's codes was read (0 for the first), rotate_ms, tolerance_ms, fixed (1: the first
--       code holds as long as the request)
-- Returns { 'scanned', record JSON, now } (also when the same session scans again), { 'expired' },
-- { 'state', state } or { 'unknown' }.
--#include qr_rules.lua
local keys = { request = KEYS[1], events = KEYS[2], open = KEYS[3] }
local now = now_ms()
local record = present_request(keys, now)
if not record then return { 'unknown' } end
if record.state == 'expired' then return { 'expired' } end
if record.sid == ARGV[2] and record.state == 'scanned' then
  return { 'scanned', cjson.encode(record), now }
end
if record.state ~= 'pending' then return { 'state', record.state } end

local turn_of = tonumber(ARGV[5])
local shown_until = record.created_at + (turn_of + 1) * tonumber(ARGV[6]) + tonumber(ARGV[7])
local holds = ARGV[8] == '1' and turn_of == 0
if not holds and now >= shown_until then return { 'expired' } end

record.member = ARGV[1]
record.sid = ARGV[2]
record.number = tonumber(ARGV[3])
record.offered = cjson.decode(ARGV[4])
record.scanned_at = now
turn(keys, record, 'scanned', now)
return { 'scanned', cjson.encode(record), now }
