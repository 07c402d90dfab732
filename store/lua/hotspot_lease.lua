-- Takes, keeps or gives back the right to write to a router. A token is never used twice, so that
-- whoever lost the lease is known by the number alone. Who is in a hurry leaves a mark, and whoever
-- keeps the lease hears of it.
-- KEYS: lease, fence, wanted
-- ARGV: act ('take', 'keep', 'give'), token (of 'take': how long the mark stays in ms, 0 for none),
-- ttl (ms)
-- Returns the token that was taken; 1 for a lease kept or given back, 2 for one kept that somebody
-- waits for; 0 for a lease that is not ours.
if ARGV[1] == 'take' then
  if redis.call('EXISTS', KEYS[1]) == 1 then
    if ARGV[2] ~= '0' then redis.call('SET', KEYS[3], '1', 'PX', ARGV[2]) end
    return 0
  end
  local token = redis.call('INCR', KEYS[2])
  redis.call('SET', KEYS[1], token, 'PX', ARGV[3])
  redis.call('DEL', KEYS[3])
  return token
end
if redis.call('GET', KEYS[1]) ~= ARGV[2] then return 0 end
if ARGV[1] == 'keep' then
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  return 1 + redis.call('EXISTS', KEYS[3])
end
redis.call('DEL', KEYS[1])
return 1
