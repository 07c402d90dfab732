-- Takes a device out of a member's slots.
-- KEYS: devices, macs, events, account
-- ARGV: member, now (ms), slot
-- Returns its MAC, or '' when there was none.
--#include device_rules.lua
return let_go(KEYS[1], KEYS[2], KEYS[4], KEYS[3], ARGV[1], ARGV[3], tonumber(ARGV[2]))
