-- Changes fields of a member, and with them the names it logs in by.
-- KEYS: member, events, old login (e-mail), old login (username), new login (e-mail), new login (username)
-- ARGV: id, old e-mail, old username (as the caller read them), JSON of the letter that tells the
-- member of it ('' for none), then field, value, …
-- Returns 'changed', 'exists' (a new name is somebody else's), 'moved' (read again) or 'gone'.
--#include member_rules.lua
local id = ARGV[1]
local names = redis.call('HMGET', KEYS[1], 'email', 'username')
if not names[1] then return 'gone' end
if names[1] ~= ARGV[2] or names[2] ~= ARGV[3] then return 'moved' end
for place = 5, 6 do
  local owner = redis.call('GET', KEYS[place])
  if owner and owner ~= id then return 'exists' end
end
redis.call('DEL', KEYS[3], KEYS[4])
redis.call('MSET', KEYS[5], id, KEYS[6], id)
local fields = {}
for at = 5, #ARGV do fields[at - 4] = ARGV[at] end
redis.call('HSET', KEYS[1], 'updated_at', moment_of_change(KEYS[1]), unpack(fields))
local told = ARGV[4] ~= '' and cjson.decode(ARGV[4]) or nil
redis.call('XADD', KEYS[2], '*', 'type', 'member.changed', 'data', cjson.encode({ member = id, letter = told }))
return 'changed'
