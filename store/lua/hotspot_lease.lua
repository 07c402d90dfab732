-- Takes, keeps or gives back the right to write to a router. A token is never used twice, so that
-- whoever lost the lease is known by the number alone.
-- KEYS: lease, fence
-- ARGV: act ('take', 'keep', 'give'), token, ttl (ms)
-- Returns the token that was taken, 1 for a lease kept or given back, 0 for a lease that is not ours.
if ARGV[1] == 'take' then
  if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
  local token = redis.call('INCR', KEYS[2])
  redis.call('SET', KEYS[1], token, 'PX', ARGV[3])
  return token
end
if redis.call('GET', KEYS[1]) ~= ARGV[2] then return 0 end
if ARGV[1] == 'keep' then redis.call('PEXPIRE', KEYS[1], ARGV[3]) else redis.call('DEL', KEYS[1]) end
return 1
