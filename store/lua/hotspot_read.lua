-- Reads many accounts at once: 10,000 members are thirty thousand hashes, and a reply each would
-- cost the reader more than all else. What is said of one account is one look at one state.
-- KEYS: waiting, leaving; then member, account, slots of each member
-- ARGV: number of member fields, their names; number of account fields, their names; the members
-- Returns for each member { member values, account values, slots as HGETALL, waits 1|0, leaves 1|0 }.
local place = 1
local function take()
  local fields, count = {}, tonumber(ARGV[place])
  for at = 1, count do fields[at] = ARGV[place + at] end
  place = place + count + 1
  return fields
end
local member_fields, account_fields = take(), take()
local found = {}
for at = 3, #KEYS, 3 do
  local number = at / 3
  local member = ARGV[place + number - 1]
  found[number] = {
    redis.call('HMGET', KEYS[at], unpack(member_fields)),
    redis.call('HMGET', KEYS[at + 1], unpack(account_fields)),
    redis.call('HGETALL', KEYS[at + 2]),
    redis.call('HEXISTS', KEYS[1], member),
    redis.call('HEXISTS', KEYS[2], member),
  }
end
return found
