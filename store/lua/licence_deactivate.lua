-- Takes a licence from the device that holds it.
-- KEYS: licence, events
-- ARGV: instance the client names ("" for none), device ("" for nothing), now (ms)
-- Returns { verdict, instance, title, policy, status, name }: 'unknown', 'disabled', 'free', 'held'
-- (by another device) or 'deactivated'.
--#include licence_rules.lua
local rows = redis.call('HMGET', KEYS[1], 'id', 'status', 'policy', 'title', 'instance', 'device',
  'device_name', 'version')
if not rows[1] then return { 'unknown', '', '', '', '', '' } end
local instance, device, name = rows[5] or '', rows[6] or '', rows[7] or ''
if rows[2] ~= 'active' then return { 'disabled', '', rows[4], rows[3], rows[2], '' } end
if instance == '' then return { 'free', '', rows[4], rows[3], rows[2], '' } end
if not is_holder(instance, device, rows[3], ARGV[1], ARGV[2]) then
  return { 'held', '', rows[4], rows[3], rows[2], name }
end
local version = tonumber(rows[8] or '0') + 1
redis.call('HSET', KEYS[1], 'instance', '', 'device', '', 'device_name', '', 'session', '',
  'version', version)
redis.call('XADD', KEYS[2], '*', 'type', 'licence.deactivated', 'data', cjson.encode({
  id = rows[1], digest = string.match(KEYS[1], '[^:]+$'), instance = '', lost = instance,
  by = name, version = version, at = tonumber(ARGV[3]),
}))
return { 'deactivated', instance, rows[4], rows[3], rows[2], name }
