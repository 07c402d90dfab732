-- Begins a request for a login.
-- KEYS: request, events, open requests, requests of this browser
-- ARGV: record JSON, ttl_ms, most open for a browser, most open in all
-- Returns { 'created', record JSON, ids of this browser's that are too many now… } or { 'full' }.
--#include qr_rules.lua
local keys = { request = KEYS[1], events = KEYS[2], open = KEYS[3] }
local record, ttl, now = cjson.decode(ARGV[1]), tonumber(ARGV[2]), now_ms()
if redis.call('ZCOUNT', keys.open, now, '+inf') >= tonumber(ARGV[4]) then return { 'full' } end

record.created_at = now
record.deadline = now + ttl
record.state = 'pending'
redis.call('SET', keys.request, cjson.encode(record), 'PX', ttl + REMEMBER_MS)
redis.call('ZADD', keys.open, record.deadline, record.id)
redis.call('XADD', keys.events, '*', 'type', 'qr.created', 'data', cjson.encode({
  request = record.id, token = record.code, delivery = record.delivery, fp = record.fp,
  user_agent = record.user_agent, ip = record.ip, browser_id = record.browser_id,
  device_name = record.device_name, expires_at = record.deadline, at = now,
}))

local mine = KEYS[4]
redis.call('ZREMRANGEBYSCORE', mine, '-inf', now)
redis.call('ZADD', mine, record.deadline, record.id)
redis.call('PEXPIRE', mine, ttl)
local surplus = redis.call('ZCARD', mine) - tonumber(ARGV[3])
local answer = { 'created', cjson.encode(record) }
if surplus > 0 then
  for _, id in ipairs(redis.call('ZRANGE', mine, 0, surplus - 1)) do
    redis.call('ZREM', mine, id)
    table.insert(answer, id)
  end
end
return answer
