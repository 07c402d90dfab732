-- Makes a device the holder of a licence.
-- KEYS: licence, events
-- ARGV: instance (a new id, used unless the device holds the licence already), instance the client
--       names ("" for none), device (what it is told apart by, "" for nothing), name, session, now (ms)
-- Returns { verdict, instance, title, policy, status, name }: 'unknown', 'disabled', 'held' (first
-- wins, and another has it), 'same' or 'activated'.
--#include licence_rules.lua
local rows = redis.call('HMGET', KEYS[1], 'id', 'status', 'policy', 'title', 'instance', 'device',
  'device_name', 'version', 'session')
local id, status, policy, title = rows[1], rows[2], rows[3], rows[4]
local instance, device = rows[5] or '', rows[6] or ''
if not id then return { 'unknown', '', '', '', '', '' } end
if status ~= 'active' then return { 'disabled', '', title, policy, status, '' } end
local same = instance ~= '' and is_holder(instance, device, policy, ARGV[2], ARGV[3])
if instance ~= '' and not same and policy == 'first_wins' then
  return { 'held', '', title, policy, status, rows[7] or '' }
end
local holder = same and instance or ARGV[1]
local version = tonumber(rows[8] or '0') + 1
redis.call('HSET', KEYS[1], 'instance', holder, 'device', ARGV[3], 'device_name', ARGV[4],
  'session', ARGV[5], 'version', version)
if same and rows[7] == ARGV[4] and device == ARGV[3] then
  return { 'same', holder, title, policy, status, ARGV[4] }
end
redis.call('XADD', KEYS[2], '*', 'type', 'licence.activated', 'data', cjson.encode({
  id = id, digest = string.match(KEYS[1], '[^:]+$'), instance = holder, lost = same and '' or instance,
  by = ARGV[4], fp = ARGV[3], session = same and '' or rows[9] or '', version = version, at = tonumber(ARGV[6]),
}))
return { same and 'same' or 'activated', holder, title, policy, status, ARGV[4] }
