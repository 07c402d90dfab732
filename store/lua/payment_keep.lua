-- Keeps a delivery in the event log, if this Redis proves that what it keeps lasts.
-- The proof is in the same step as the write: a Redis that was replaced a moment ago by one without
-- AOF cannot take an acknowledgement with it.
-- KEYS: events, delivery, order
-- ARGV: seconds that the delivery is remembered, event data (JSON), data of a repetition (JSON),
--       seconds that the order is remembered, the order's page (JSON; "" when it claims none)
-- Returns 'kept', 'repeated', or 'unproven' with nothing written.
local persistence = redis.call('INFO', 'persistence')
local memory = redis.call('INFO', 'memory')
if not string.find(persistence, 'aof_enabled:1', 1, true)
  or not string.find(persistence, 'aof_last_write_status:ok', 1, true)
  or not string.find(memory, 'maxmemory_policy:noeviction', 1, true) then
  return 'unproven'
end
if redis.call('EXISTS', KEYS[2]) == 1 then
  redis.call('XADD', KEYS[1], '*', 'type', 'payment.repeated', 'data', ARGV[3])
  return 'repeated'
end
redis.call('SET', KEYS[2], '1', 'EX', ARGV[1])
if ARGV[5] ~= '' then redis.call('SET', KEYS[3], ARGV[5], 'EX', ARGV[4], 'NX') end
redis.call('XADD', KEYS[1], '*', 'type', 'payment.received', 'data', ARGV[2])
return 'kept'
