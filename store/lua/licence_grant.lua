-- Makes a licence known, unless it is known already. Used by the order, and to rebuild Redis.
-- KEYS: licence, licence by id
-- ARGV: digest, then field, value, … (`id` and `version` among them)
-- Returns 1 when it was new or newer than what was known.
local fields = {}
local version = 0
for at = 2, #ARGV, 2 do
  fields[at - 1] = ARGV[at]
  fields[at] = ARGV[at + 1]
  if ARGV[at] == 'version' then version = tonumber(ARGV[at + 1]) end
end
local known = redis.call('HGET', KEYS[1], 'version')
if known and tonumber(known) >= version then return 0 end
redis.call('HSET', KEYS[1], unpack(fields))
redis.call('SET', KEYS[2], ARGV[1])
return 1
