-- Puts a member back from the lasting copy, unless Redis knows something newer.
-- KEYS: member, login (e-mail), login (username), events
-- ARGV: id, updated_at (ms), strict (1|0), then field, value, …
-- Returns 1 when it was put back, 0 when the row here is as new or newer.
-- A name that somebody else holds here stays with its holder. Strict: Redis is an older copy, and a
-- row that changed in both was changed without knowing of a block; the block holds.
local id = ARGV[1]
local fields, given = {}, {}
for at = 4, #ARGV, 2 do
  fields[at - 3], fields[at - 2] = ARGV[at], ARGV[at + 1]
  given[ARGV[at]] = ARGV[at + 1]
end
local known = redis.call('HMGET', KEYS[1], 'updated_at', 'status')
if known[1] and tonumber(known[1]) >= tonumber(ARGV[2]) then
  if ARGV[3] == '1' and known[2] == 'active' and given.status ~= 'active' then
    redis.call('HSET', KEYS[1], 'status', given.status, 'updated_at', tonumber(known[1]) + 1)
    redis.call('XADD', KEYS[4], '*', 'type', 'member.changed', 'data', cjson.encode({ member = id }))
  end
  return 0
end
redis.call('SET', KEYS[2], id, 'NX')
redis.call('SET', KEYS[3], id, 'NX')
if known[1] then
  -- who lives in a Redis that was not emptied keeps what says who is logged in
  for _, name in ipairs({ 'fingerprint_device', 'action' }) do
    for at = 1, #fields, 2 do
      if fields[at] == name then fields[at + 1] = redis.call('HGET', KEYS[1], name) or '' end
    end
  end
end
redis.call('HSET', KEYS[1], 'id', id, unpack(fields))
return 1
