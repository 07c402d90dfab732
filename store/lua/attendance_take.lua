-- Lets a student in, once per meeting and day, and their device once: decides, keeps the record and
-- announces it in one step.
-- KEYS: students, devices, revoked, attempts, roster, meeting, events, built, locator, familiar
-- ARGV: record JSON, meeting version, ttl_ms, attendance that the cookie stands for or '',
--       what speaks against the meeting or '', attempt JSON, familiar_ms, then the ids that the
--       student may have from before (see students.py)
-- Returns { 'taken' | 'repeated', record JSON }, { 'refused', type, winner JSON or '' }, { 'moved' }
-- (the meeting was changed: read it again) or { 'unbuilt' }.
--#include attendance_rules.lua
if redis.call('EXISTS', KEYS[8]) == 0 then return { 'unbuilt' } end
if redis.call('HGET', KEYS[6], 'version') ~= ARGV[2] then return { 'moved' } end
local record = cjson.decode(ARGV[1])
local text = ARGV[1]
local ttl = tonumber(ARGV[3])

-- Whoever is here, or listed, by a former id keeps it.
local former = {}
for at = 8, #ARGV do former[ARGV[at]] = true end
for _, known in ipairs({ KEYS[1], KEYS[5] }) do
  if redis.call('HEXISTS', known, record.student) == 1 then break end
  for at = 8, #ARGV do
    if redis.call('HEXISTS', known, ARGV[at]) == 1 then
      former[record.student] = true
      record.student = ARGV[at]
      text = cjson.encode(record)
      break
    end
  end
end

local function record_of(student)
  local text = student and redis.call('HGET', KEYS[1], student)
  if text then return cjson.decode(text), text end
end

local function refuse(kind, winner, text)
  note_refusal(KEYS[4], KEYS[7], cjson.decode(ARGV[6]), kind, winner, ttl)
  return { 'refused', kind, text or '' }
end

local theirs, theirs_text = record_of(record.student)
-- The same filled form, sent again because its answer was lost on the way.
if theirs and record.key ~= '' and theirs.key == record.key and theirs.device == record.device then
  return { 'repeated', theirs_text }
end

local cookie = ARGV[4]
if cookie ~= '' and redis.call('SISMEMBER', KEYS[3], cookie) == 0 then
  local winner, text = record_of(redis.call('HGET', KEYS[2], record.device))
  if winner and winner.id == cookie then return refuse('COOKIE_DUPLICATE', winner, text) end
  return refuse('COOKIE_DUPLICATE')
end
if ARGV[5] ~= '' then return refuse(ARGV[5]) end

if redis.call('EXISTS', KEYS[5]) == 1 then
  local listed = redis.call('HGET', KEYS[5], record.student)
  if not listed then return refuse('NOT_LISTED') end
  listed = cjson.decode(listed)
  record.name, record.class = listed.name, listed.class
  text = cjson.encode(record)
end

-- Who is both, a student and a device that were here, is told of the student.
if theirs then return refuse('USER_DUPLICATE', theirs, theirs_text) end
local holder, holder_text = record_of(redis.call('HGET', KEYS[2], record.device))
if holder then return refuse('DEVICE_DUPLICATE', holder, holder_text) end

local before = redis.call('HGET', KEYS[10], record.device)
if before and before ~= record.student and not former[before] then
  record.flags = record.flags == '' and 'device_of_another' or record.flags .. ',device_of_another'
  text = cjson.encode(record)
end
redis.call('HSET', KEYS[10], record.device, record.student)
redis.call('PEXPIRE', KEYS[10], ARGV[7])
keep_record(KEYS[1], KEYS[9], record, text, ttl)
redis.call('HSET', KEYS[2], record.device, record.student)
redis.call('PEXPIRE', KEYS[2], ttl)
redis.call('XADD', KEYS[7], '*', 'type', 'attendance.recorded', 'data', text)
return { 'taken', text }
