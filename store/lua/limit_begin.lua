-- Counts a try before anything is looked up, so that many at once are no more than as many in a row.
-- KEYS: tries, locked
-- ARGV: most, window_seconds
-- Returns 0 (go on), the milliseconds that the subject has to wait, or -1: as many are under way as
-- may still be wrong.
local wait = redis.call('PTTL', KEYS[2])
if wait > 0 then return wait end
local kept = redis.call('HMGET', KEYS[1], 'wrong', 'open')
if tonumber(kept[1] or 0) + tonumber(kept[2] or 0) >= tonumber(ARGV[1]) then return -1 end
redis.call('HINCRBY', KEYS[1], 'open', 1)
if not kept[1] and not kept[2] then redis.call('EXPIRE', KEYS[1], ARGV[2]) end
return 0
