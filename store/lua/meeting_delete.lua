-- Deletes a meeting. What was filled in stays in Postgres; its gates expire by themselves.
-- KEYS: meeting, meetings, meeting_ends, roster, familiar, events
-- ARGV: id, audit JSON
-- Returns 'deleted' or 'gone'.
local id = ARGV[1]
if redis.call('DEL', KEYS[1]) == 0 then return 'gone' end
redis.call('ZREM', KEYS[2], id)
redis.call('ZREM', KEYS[3], id)
redis.call('DEL', KEYS[4], KEYS[5])
redis.call('XADD', KEYS[6], '*', 'type', 'meeting.deleted', 'data', cjson.encode({ meeting = id }))
redis.call('XADD', KEYS[6], '*', 'type', 'audit', 'data', ARGV[2])
return 'deleted'
