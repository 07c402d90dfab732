-- Which of these sessions need a closer look: gone, or past a clock. Reads only.
-- KEYS: a `sessions` hash for each session asked about
-- ARGV: the sid for each key
-- Returns the places (from 1) of those that are not plainly alive.
--#include session_rules.lua
local now = now_ms()
local suspects = {}
for place = 1, #KEYS do
  local record = read_session(KEYS[place], ARGV[place])
  if not record or expiry_of(record, now) then table.insert(suspects, place) end
end
return suspects
