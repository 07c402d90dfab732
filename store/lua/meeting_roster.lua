-- Gives a meeting its list of students, or adds to it; an empty new list opens it to everybody.
-- KEYS: roster, meeting, events, built
-- ARGV: id, replace (1|0), audit JSON, then student id, JSON { name, class }, …
-- Returns how many are listed then, -1 when there is no such meeting, -2 unbuilt.
if redis.call('EXISTS', KEYS[4]) == 0 then return -2 end
if redis.call('EXISTS', KEYS[2]) == 0 then return -1 end

-- As many names as one event holds: some 40 KB, so that no reader chokes on a school.
local CHUNK = 500
local replace = ARGV[2] == '1'
if replace then redis.call('DEL', KEYS[1]) end

local function announce(students)
  local data = { meeting = ARGV[1], replace = replace, students = students }
  redis.call('XADD', KEYS[3], '*', 'type', 'meeting.roster', 'data', cjson.encode(data))
  replace = false
end

local chunk = {}
for at = 4, #ARGV, 2 do
  redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1])
  local student = cjson.decode(ARGV[at + 1])
  table.insert(chunk, { id = ARGV[at], name = student.name, class = student.class })
  if #chunk == CHUNK then
    announce(chunk)
    chunk = {}
  end
end
-- cjson writes an empty table as an object, so an empty list is left out
if #chunk > 0 then announce(chunk) elseif replace then announce(nil) end
redis.call('XADD', KEYS[3], '*', 'type', 'audit', 'data', ARGV[3])
return redis.call('HLEN', KEYS[1])
