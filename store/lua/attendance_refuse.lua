-- Keeps a refused attempt that no gate has seen (too many requests of a device).
-- KEYS: attempts, events
-- ARGV: attempt JSON, type, ttl_ms
--#include attendance_rules.lua
note_refusal(KEYS[1], KEYS[2], cjson.decode(ARGV[1]), ARGV[2], nil, tonumber(ARGV[3]))
