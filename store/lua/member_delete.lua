-- Deletes a member with its names; its sessions were ended in the step before.
-- KEYS: member, events, login (e-mail), login (username), sessions
-- ARGV: id
-- Returns how many members went: 1, or 0 when it was not there.
local gone = redis.call('DEL', KEYS[1])
if gone == 1 then
  redis.call('DEL', KEYS[3], KEYS[4], KEYS[5])
  redis.call('XADD', KEYS[2], '*', 'type', 'member.deleted', 'data', cjson.encode({ member = ARGV[1] }))
end
return gone
