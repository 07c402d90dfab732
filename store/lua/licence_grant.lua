-- Makes a licence known, unless it is known already. Used by the order, and to rebuild Redis.
-- KEYS: licence, licence by id
-- ARGV: digest, then field, value, … (`id` and `version` among them)
-- Returns 1 when it was new or newer than what was known.
local fields, named = {}, {}
for at = 2, #ARGV, 2 do
  fields[at - 1] = ARGV[at]
  fields[at] = ARGV[at + 1]
  named[ARGV[at]] = ARGV[at + 1]
end
local known, id = unpack(redis.call('HMGET', KEYS[1], 'version', 'id'))
-- an order that was granted again, after Postgres lost it, has the same key under another number
if known and id ~= named.id then
  redis.call('HSET', KEYS[1], 'id', named.id)
  redis.call('SET', KEYS[2], ARGV[1])
end
if known and tonumber(known) >= tonumber(named.version) then return 0 end
redis.call('HSET', KEYS[1], unpack(fields))
redis.call('SET', KEYS[2], ARGV[1])
return 1
