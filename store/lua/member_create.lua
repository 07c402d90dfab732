-- Creates a member unless a login name is taken.
-- KEYS: member, events, built, login (e-mail), login (username; the same key when they are equal)
-- ARGV: id, then field, value, …
-- Returns 'created', 'exists' or 'unbuilt'.
if redis.call('EXISTS', KEYS[3]) == 0 then return 'unbuilt' end
if redis.call('EXISTS', KEYS[4], KEYS[5]) > 0 then return 'exists' end
local id = ARGV[1]
redis.call('SET', KEYS[4], id)
redis.call('SET', KEYS[5], id)
local fields = {}
for at = 2, #ARGV do fields[at - 1] = ARGV[at] end
redis.call('HSET', KEYS[1], 'id', id, unpack(fields))
redis.call('XADD', KEYS[2], '*', 'type', 'member.changed', 'data', cjson.encode({ member = id }))
return 'created'
