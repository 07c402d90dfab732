-- Gives a turn back that our own failure cost; a window that is over stays over.
-- KEYS: turns
-- Returns 1 when there was one to give back.
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('DECR', KEYS[1])
return 1
