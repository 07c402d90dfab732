-- Keeps a new login code in the place of the one before, unless that one lives and is too fresh.
-- KEYS: otp
-- ARGV: digest of the new code, its life (ms), how long it may not be replaced (ms)
-- Returns { 1 (kept) | 0 (the one before stays), ms of life left, ms until it may be replaced }.
local life, rest = tonumber(ARGV[2]), tonumber(ARGV[3])
local left = redis.call('PTTL', KEYS[1])
if left > life - rest then return { 0, left, left - (life - rest) } end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'code', ARGV[1], 'tries', 0)
redis.call('PEXPIRE', KEYS[1], life)
return { 1, life, rest }
