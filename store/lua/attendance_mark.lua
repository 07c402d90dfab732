-- Writes one student's status by a teacher's hand: a new record without a device, or a change.
-- KEYS: students, meeting, events, built, locator (of the new record), locator (of the record here)
-- ARGV: record JSON, ttl_ms (0: the day is kept in Postgres alone), record there is JSON or '', audit JSON
-- Returns { 'marked' | 'changed', record JSON }, { 'moved' } (somebody filled in meanwhile),
-- { 'gone' } (no such meeting) or { 'unbuilt' }.
--#include attendance_rules.lua
if redis.call('EXISTS', KEYS[4]) == 0 then return { 'unbuilt' } end
if redis.call('EXISTS', KEYS[2]) == 0 then return { 'gone' } end
local wish = cjson.decode(ARGV[1])
local ttl = tonumber(ARGV[2])
local here = ARGV[3]
if ttl > 0 then
  local now_here = redis.call('HGET', KEYS[1], wish.student) or ''
  if now_here ~= here then return { 'moved' } end
end

redis.call('XADD', KEYS[3], '*', 'type', 'audit', 'data', ARGV[4])
if here == '' then
  if ttl > 0 then keep_record(KEYS[1], KEYS[5], wish, ARGV[1], ttl) end
  redis.call('XADD', KEYS[3], '*', 'type', 'attendance.recorded', 'data', ARGV[1])
  return { 'marked', ARGV[1] }
end
local record = cjson.decode(here)
record.status, record.reason = wish.status, wish.reason
record.by, record.changed_at = wish.by, wish.changed_at
local text = cjson.encode(record)
if ttl > 0 then keep_record(KEYS[1], KEYS[6], record, text, ttl) end
redis.call('XADD', KEYS[3], '*', 'type', 'attendance.changed', 'data', text)
return { 'changed', text }
