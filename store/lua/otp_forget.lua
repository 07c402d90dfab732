-- Forgets a login code that could not be sent.
-- KEYS: otp
-- ARGV: digest of the code
-- Returns 1 when it was still this one.
if redis.call('HGET', KEYS[1], 'code') ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
