-- Changes a licence's status or policy; a disabled one loses its device.
-- KEYS: licence, events
-- ARGV: status, policy ("" leaves it as it is), now (ms)
-- Returns { status, policy }, or false when there is no such licence.
local rows = redis.call('HMGET', KEYS[1], 'id', 'status', 'policy', 'instance', 'version')
if not rows[1] then return false end
local status = ARGV[1] ~= '' and ARGV[1] or rows[2]
local policy = ARGV[2] ~= '' and ARGV[2] or rows[3]
local instance, lost = rows[4] or '', ''
local version = tonumber(rows[5] or '0') + 1
redis.call('HSET', KEYS[1], 'status', status, 'policy', policy, 'version', version)
if status ~= 'active' and instance ~= '' then
  lost, instance = instance, ''
  redis.call('HSET', KEYS[1], 'instance', '', 'device', '', 'device_name', '', 'session', '')
end
redis.call('XADD', KEYS[2], '*', 'type', 'licence.changed', 'data', cjson.encode({
  id = rows[1], digest = string.match(KEYS[1], '[^:]+$'), status = status, policy = policy,
  instance = instance, lost = lost, by = 'admin', version = version, at = tonumber(ARGV[3]),
}))
return { status, policy }
