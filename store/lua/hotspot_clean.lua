-- Notes that a router has no trace of a member who is to be deleted.
-- KEYS: account, leaving (hash member → since), lease
-- ARGV: member, lease token, router, then every router there is
-- Returns 1 when that holds of every router, else 0; also 0 for a lost lease, or who is not leaving.
if redis.call('GET', KEYS[3]) ~= ARGV[2] then return 0 end
if redis.call('HEXISTS', KEYS[2], ARGV[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], 'clean:' .. ARGV[3], '1')
for at = 4, #ARGV do
  if redis.call('HEXISTS', KEYS[1], 'clean:' .. ARGV[at]) == 0 then return 0 end
end
return 1
