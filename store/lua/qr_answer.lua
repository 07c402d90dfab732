-- The phone's answer: approve or reject, by the session that scanned, once, with the right number.
-- KEYS: request, events, open requests
-- ARGV: sid, approved (1|0), number chosen ('' none), number demanded (1|0), grant_ms
-- Returns { 'approved' }, { 'rejected' }, { 'wrong' } (a wrong number: rejected), { 'number' } (none
-- was given), { 'not_scanner' }, { 'state', state }, { 'expired' } or { 'unknown' }.
--#include qr_rules.lua
local keys = { request = KEYS[1], events = KEYS[2], open = KEYS[3] }
local now = now_ms()
local record = present_request(keys, now)
if not record then return { 'unknown' } end
if record.state == 'expired' then return { 'expired' } end
if record.state == 'pending' then return { 'state', 'pending' } end
if record.sid ~= ARGV[1] then return { 'not_scanner' } end
if record.state ~= 'scanned' then return { 'state', record.state } end

if ARGV[2] ~= '1' then
  turn(keys, record, 'rejected', now)
  return { 'rejected' }
end
if ARGV[3] == '' and ARGV[4] == '1' then return { 'number' } end
if ARGV[3] ~= '' and tonumber(ARGV[3]) ~= record.number then
  turn(keys, record, 'rejected', now)
  return { 'wrong' }
end
record.approved_at = now
record.grant_until = now + tonumber(ARGV[5])
turn(keys, record, 'approved', now)
return { 'approved' }
