-- Puts a package on the shelf, changes it if it is there, or takes it off.
-- KEYS: packages, events
-- ARGV: package id, JSON of the package ('' to take it away), event type, event data as JSON,
-- whether it is a new one (1|0)
-- Returns 1, or 0 when there is none to change.
if ARGV[5] == '0' and redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
if ARGV[2] == '' then redis.call('HDEL', KEYS[1], ARGV[1])
else redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) end
redis.call('XADD', KEYS[2], '*', 'type', ARGV[3], 'data', ARGV[4])
return 1
