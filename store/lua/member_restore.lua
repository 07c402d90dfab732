-- Puts a member back from the lasting copy, unless Redis knows something newer.
-- KEYS: member, login (e-mail), login (username)
-- ARGV: id, updated_at (ms), then field, value, …
-- Returns 1 when it was put back, 0 when the row here is as new or newer.
-- A name that somebody else holds here stays with its holder.
local known = redis.call('HGET', KEYS[1], 'updated_at')
if known and tonumber(known) >= tonumber(ARGV[2]) then return 0 end
local id = ARGV[1]
redis.call('SET', KEYS[2], id, 'NX')
redis.call('SET', KEYS[3], id, 'NX')
local fields = {}
for at = 3, #ARGV do fields[at - 2] = ARGV[at] end
redis.call('HSET', KEYS[1], 'id', id, unpack(fields))
return 1
