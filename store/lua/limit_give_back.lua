-- Gives a turn back that was taken for nothing; a window that is over stays over.
-- KEYS: turns
-- Returns 1 when there was one to give back.
if tonumber(redis.call('GET', KEYS[1]) or 0) < 1 then return 0 end
redis.call('DECR', KEYS[1])
return 1
