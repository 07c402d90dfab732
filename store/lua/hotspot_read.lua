-- Reads many accounts at once: 10,000 members are thirty thousand hashes, and a reply each would
-- cost the reader more than all else.
-- KEYS: member, account, slots; member, account, slots; …
-- ARGV: number of member fields, their names, then the names of the account's fields
-- Returns for each member { member values, account values, slots as HGETALL }.
local split = tonumber(ARGV[1])
local member_fields, account_fields = {}, {}
for at = 2, #ARGV do
  if at <= split + 1 then member_fields[at - 1] = ARGV[at] else account_fields[at - split - 1] = ARGV[at] end
end
local found = {}
for at = 1, #KEYS, 3 do
  found[(at + 2) / 3] = {
    redis.call('HMGET', KEYS[at], unpack(member_fields)),
    redis.call('HMGET', KEYS[at + 1], unpack(account_fields)),
    redis.call('HGETALL', KEYS[at + 2]),
  }
end
return found
