-- How is this request now? One whose time is over expires here, once; `cancel` ends it before.
-- KEYS: request, events, open requests
-- ARGV: cancel (1|0), id
-- Returns { record JSON, now } or {}.
--#include qr_rules.lua
local keys = { request = KEYS[1], events = KEYS[2], open = KEYS[3] }
local now = now_ms()
local record = present_request(keys, now)
if not record then
  redis.call('ZREM', keys.open, ARGV[2])
  return {}
end
if ARGV[1] == '1' and (record.state == 'pending' or record.state == 'scanned') then
  turn(keys, record, 'expired', now)
end
return { cjson.encode(record), now }
