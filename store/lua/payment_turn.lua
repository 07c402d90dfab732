-- Turns an order's page, once: what is done is never undone by a later delivery.
-- KEYS: order, events
-- ARGV: seconds, the page (JSON), event data (JSON)
-- Returns 1 when it turned, 0 when it stood there already.
local now = redis.call('GET', KEYS[1])
if now == ARGV[2] then return 0 end
if now and cjson.decode(now).state == 'done' then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[1])
redis.call('XADD', KEYS[2], '*', 'type', 'order.turned', 'data', ARGV[3])
return 1
