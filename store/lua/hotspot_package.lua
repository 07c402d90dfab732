-- Changes a package, or takes it off the shelf, if it is there.
-- KEYS: packages, events
-- ARGV: package id, JSON of the package ('' to take it away), event type, event data as JSON
-- Returns 1, or 0 when there is none.
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
if ARGV[2] == '' then redis.call('HDEL', KEYS[1], ARGV[1])
else redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) end
redis.call('XADD', KEYS[2], '*', 'type', ARGV[3], 'data', ARGV[4])
return 1
