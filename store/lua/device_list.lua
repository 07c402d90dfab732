-- The devices of a member: every card, and who is logged in there now. Changes nothing.
-- KEYS: sessions
-- ARGV: –
-- Returns JSON of each: { id, type, name, ip, created_at, seen_at, is_active, is_primary }.
--#include session_rules.lua
local now = now_ms()
local primary = primary_of(KEYS[1], now)
local live = {}
for _, record in ipairs(all_live(KEYS[1], now)) do live[record.device] = record end
local found = {}
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  if string.sub(field, 1, 5) == 'card:' then
    local card = cjson.decode(redis.call('HGET', KEYS[1], field))
    local record = live[card.id]
    card.is_active = record ~= nil
    card.is_primary = card.id == primary
    if record then card.seen_at = math.max(card.seen_at, record.last_seen) end
    table.insert(found, cjson.encode(card))
  end
end
return found
