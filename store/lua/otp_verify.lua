-- Compares a login code and uses it up in one step: of many at once, one succeeds.
-- KEYS: otp
-- ARGV: digest of the code, most wrong tries
-- Returns 'right', 'wrong' or 'none' (no code, or one that died of wrong tries).
local kept = redis.call('HGET', KEYS[1], 'code')
if not kept then return 'none' end
if kept == ARGV[1] then
  redis.call('DEL', KEYS[1])
  return 'right'
end
if redis.call('HINCRBY', KEYS[1], 'tries', 1) >= tonumber(ARGV[2]) then redis.call('DEL', KEYS[1]) end
return 'wrong'
