-- Adds a package to a member's account: bytes and days on top of what is left; an account that has
-- run out begins anew. A purchase that is known by something counts once, however often it comes.
-- KEYS: account, accounts, events, member, packages
-- ARGV: member, now (ms), package id, once ('' or what this purchase is known by)
-- Returns { 'given'|'before', package JSON }, { 'gone' } for a member or package that is not there.
--#include hotspot_rules.lua
local DAY_MS = 86400000
local text = redis.call('HGET', KEYS[5], ARGV[3])
if not text or redis.call('EXISTS', KEYS[4]) == 0 then return { 'gone' } end
if ARGV[4] ~= '' and redis.call('HSETNX', KEYS[1], 'bought:' .. ARGV[4], ARGV[2]) == 0 then
  return { 'before', text }
end

local bought, now = cjson.decode(text), tonumber(ARGV[2])
local kept = redis.call('HMGET', KEYS[1], 'expires_at', 'purchased', 'used')
local expires_at = tonumber(kept[1] or '')
local purchased, used = tonumber(kept[2] or '') or 0, tonumber(kept[3] or '') or 0
local is_over = expires_at and expires_at <= now
local begins = (is_over or not expires_at) and now or expires_at
local percent, remaining = bought.fup_percent, bought.fup_remaining

redis.call('HSET', KEYS[1],
  'purchased', string.format('%.0f', is_over and bought.quota or purchased + bought.quota),
  'used', string.format('%.0f', is_over and 0 or used),
  'expires_at', bought.days > 0 and string.format('%.0f', begins + bought.days * DAY_MS) or '',
  'unlimited', bought.unlimited and '1' or '0',
  'fup_percent', percent ~= cjson.null and percent and string.format('%d', percent) or '',
  'fup_remaining', remaining ~= cjson.null and remaining and string.format('%.0f', remaining) or '',
  'package', bought.name)
redis.call('SADD', KEYS[2], ARGV[1])
announce_account(KEYS[1], KEYS[3], ARGV[1], ARGV[2])
return { 'given', text }
