-- Adds what one process did for a kick to its receipt.
-- KEYS: receipt, reached
-- ARGV: targeted, delivered, acked, sid reached or ''
redis.call('HINCRBY', KEYS[1], 'targeted', ARGV[1])
redis.call('HINCRBY', KEYS[1], 'delivered', ARGV[2])
redis.call('HINCRBY', KEYS[1], 'acked', ARGV[3])
redis.call('EXPIRE', KEYS[1], 3600)
if ARGV[4] ~= '' then
  redis.call('SADD', KEYS[2], ARGV[4])
  redis.call('EXPIRE', KEYS[2], 3600)
end
return 1
