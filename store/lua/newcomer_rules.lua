-- What every script shares that takes a phone from a newcomer: a member who is known by a phone
-- alone, and whom nobody has approved. Needs session_rules.lua.
-- A newcomer's keys, in this order, are what `store.hotspot.newcomers` names.

local function newcomer_at(first, events, clocks, accounts, phones)
  return {
    member = KEYS[first], account = KEYS[first + 1], sessions = KEYS[first + 2],
    ended = KEYS[first + 3], slots = KEYS[first + 4], days = KEYS[first + 5],
    logins = { KEYS[first + 6], KEYS[first + 7] }, macs = KEYS[first + 8], wishes = KEYS[first + 9],
    events = events, clocks = clocks, accounts = accounts, phones = phones,
  }
end

local function is_newcomer(keys)
  return is_waiting(keys.member, keys.account) and redis.call('HGET', keys.member, 'role') == 'member'
end

-- What is about the number and the routers, and does not go along.
local LEFT = { phone = true, former_phone = true, approved = true, lost = true, device_set = true }

-- Both stacks of purchases as one; as text, so that no number is written anew.
local function joined(one, other)
  if not one or one == '[]' then return other end
  if other == '[]' then return one end
  return string.sub(one, 1, -2) .. ',' .. string.sub(other, 2)
end

local function hand_on(from, to)
  local fields = redis.call('HGETALL', from)
  for at = 1, #fields, 2 do
    local name = fields[at]
    if name == 'stack' then
      redis.call('HSET', to, name, joined(redis.call('HGET', to, name), fields[at + 1]))
    elseif not LEFT[name] and not string.find(name, '^settled') and not string.find(name, '^look:') then
      redis.call('HSETNX', to, name, fields[at + 1])
    end
  end
end

-- Takes a newcomer out: sessions, names, phone, devices, row; what was bought goes along `into` an
-- account, '' for nobody's. Returns { id, name, phone, registered_at } of who it was.
local function take_out(keys, reason, into, now)
  local row = redis.call('HMGET', keys.member, 'id', 'name', 'phone', 'created_at')
  local id = row[1]
  for _, record in ipairs(all_live(keys.sessions, now)) do
    end_session(keys, record, { reason = reason, kick_id = record.sid .. '-' .. reason, by = 'server' }, now)
  end
  local phone = redis.call('HGET', keys.account, 'phone')
  if phone and redis.call('HGET', keys.phones, phone) == id then redis.call('HDEL', keys.phones, phone) end
  if into ~= '' then hand_on(keys.account, into) end
  for _, text in ipairs(redis.call('HVALS', keys.slots)) do
    redis.call('HDEL', keys.macs, cjson.decode(text).mac)
  end
  for _, login in ipairs(keys.logins) do
    if redis.call('GET', login) == id then redis.call('DEL', login) end
  end
  redis.call('HDEL', keys.wishes, id)
  redis.call('SREM', keys.accounts, id)
  redis.call('DEL', keys.member, keys.account, keys.sessions, keys.slots, keys.days)
  announce(keys.events, 'member.deleted', { member = id })
  announce(keys.events, 'hotspot.deleted', { member = id })
  return { id = id, name = row[2] or '', phone = row[3] or '', registered_at = tonumber(row[4] or '') or now }
end

-- For the audit: what nobody pressed a button for is written down as well.
local function note_merged(events, gone, into, now)
  announce(events, 'audit', {
    actor = 'system', act = 'member.merge', subject = into, ip = '', at = now,
    detail = { newcomer = gone.id, name = gone.name, phone = gone.phone, registered_at = gone.registered_at },
  })
end
