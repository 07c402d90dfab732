-- What the meeting scripts share.

-- Announces a meeting as it stands now, all of its fields as text.
local function announce_meeting(meeting, events, id)
  local flat = redis.call('HGETALL', meeting)
  local fields = { meeting = id }
  for at = 1, #flat, 2 do fields[flat[at]] = flat[at + 1] end
  redis.call('XADD', events, '*', 'type', 'meeting.changed', 'data', cjson.encode(fields))
end
