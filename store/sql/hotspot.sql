-- Hotspot: the lasting copy of accounts, devices and packages, and what Redis is rebuilt from.

-- save_account --
WITH day AS (
    INSERT INTO hotspot_day (member_id, day, bytes)
    SELECT %(member)s, %(day)s::date, %(day_bytes)s
    WHERE %(day)s::date IS NOT NULL
      AND NOT EXISTS (SELECT FROM member_gone WHERE id = %(member)s)
    ON CONFLICT (member_id, day) DO UPDATE SET bytes = greatest(hotspot_day.bytes, excluded.bytes)
)
INSERT INTO hotspot_account (
    member_id, phone, approved, stack, settled, updated_at
)
SELECT
    %(member)s, %(phone)s, %(approved)s, coalesce(%(stack)s::jsonb, '[]'), %(settled)s, %(at)s
WHERE NOT EXISTS (SELECT FROM member_gone WHERE id = %(member)s)
ON CONFLICT (member_id) DO UPDATE SET
    phone = excluded.phone,
    approved = excluded.approved,
    -- what was written before there was a stack says nothing of it
    stack = coalesce(%(stack)s::jsonb, hotspot_account.stack),
    settled = excluded.settled,
    updated_at = excluded.updated_at
WHERE hotspot_account.updated_at <= excluded.updated_at

-- save_purchase --
INSERT INTO hotspot_purchase (member_id, id, once, package, quota, unlimited, given_at, ends_at)
VALUES (%(member)s, %(id)s, %(once)s, %(package)s, %(quota)s, %(unlimited)s, %(at)s, %(ends_at)s)
ON CONFLICT (member_id, id) DO NOTHING

-- take_purchase --
UPDATE hotspot_purchase SET taken_at = %(at)s
WHERE member_id = %(member)s AND id = %(id)s AND taken_at IS NULL

-- save_device --
INSERT INTO hotspot_device (member_id, slot, mac, ip, name, told, seen_at)
SELECT %(member)s, %(slot)s, %(mac)s, %(ip)s, %(name)s, %(told)s, %(at)s
WHERE NOT EXISTS (SELECT FROM member_gone WHERE id = %(member)s)
ON CONFLICT (member_id, slot) DO UPDATE SET
    mac = excluded.mac, ip = excluded.ip, name = excluded.name, told = excluded.told,
    seen_at = excluded.seen_at
WHERE hotspot_device.seen_at <= excluded.seen_at

-- delete_device --
DELETE FROM hotspot_device
WHERE member_id = %(member)s AND slot = %(slot)s AND seen_at <= %(at)s

-- delete_account --
WITH devices AS (DELETE FROM hotspot_device WHERE member_id = %(member)s),
     transitions AS (DELETE FROM hotspot_transition WHERE member_id = %(member)s),
     settled AS (DELETE FROM hotspot_settled WHERE member_id = %(member)s),
     purchases AS (DELETE FROM hotspot_purchase WHERE member_id = %(member)s),
     days AS (DELETE FROM hotspot_day WHERE member_id = %(member)s)
DELETE FROM hotspot_account WHERE member_id = %(member)s

-- save_package --
INSERT INTO hotspot_package (
    id, name, quota, days, unlimited, fup_percent, fup_remaining, updated_at
) VALUES (
    %(id)s, %(name)s, %(quota)s, %(days)s, %(unlimited)s, %(fup_percent)s, %(fup_remaining)s,
    %(at)s
)
ON CONFLICT (id) DO UPDATE SET
    name = excluded.name, quota = excluded.quota, days = excluded.days,
    unlimited = excluded.unlimited, fup_percent = excluded.fup_percent,
    fup_remaining = excluded.fup_remaining, updated_at = excluded.updated_at
WHERE hotspot_package.updated_at <= excluded.updated_at AND hotspot_package.removed_at IS NULL

-- remove_package --
-- for good: ids are not given twice. A row also where none was, for one that is saved late.
INSERT INTO hotspot_package (id, name, quota, days, unlimited, updated_at, removed_at)
VALUES (%(id)s, '', 0, 0, false, %(at)s, %(at)s)
ON CONFLICT (id) DO UPDATE
SET updated_at = excluded.updated_at, removed_at = excluded.removed_at
WHERE hotspot_package.removed_at IS NULL

-- save_transition --
WITH kept AS (
    INSERT INTO hotspot_transition (event_id, member_id, router, before, status, at)
    VALUES (%(event_id)s, %(member)s, %(router)s, %(before)s, %(status)s, %(at)s)
    ON CONFLICT (event_id) DO NOTHING
    RETURNING 1
), settled AS (
    INSERT INTO hotspot_settled (member_id, router, status, at)
    VALUES (%(member)s, %(router)s, %(status)s, %(at)s)
    ON CONFLICT (member_id, router) DO UPDATE SET status = excluded.status, at = excluded.at
    WHERE hotspot_settled.at <= excluded.at
)
-- the first router that agrees has the member told; the first status of all is no change
INSERT INTO message_outbox (key, member_id, kind, due_at)
SELECT 'settled:' || %(event_id)s, %(member)s, %(status)s, %(at)s
FROM kept
WHERE %(is_first)s AND %(before)s <> ''
ON CONFLICT (key) DO NOTHING

-- all_accounts --
SELECT member_id, phone, approved, stack, settled,
       (extract(epoch FROM updated_at) * 1000)::bigint AS updated_at
FROM hotspot_account

-- all_purchases --
SELECT member_id, once, (extract(epoch FROM given_at) * 1000)::bigint AS given_at
FROM hotspot_purchase WHERE once <> ''

-- all_devices --
SELECT member_id, slot, mac, ip, name, told, (extract(epoch FROM seen_at) * 1000)::bigint AS seen_at
FROM hotspot_device

-- all_packages --
SELECT id, name, quota, days, unlimited, fup_percent, fup_remaining,
       (extract(epoch FROM updated_at) * 1000)::bigint AS updated_at
FROM hotspot_package WHERE removed_at IS NULL

-- removed_packages --
SELECT id FROM hotspot_package WHERE removed_at IS NOT NULL

-- all_settled --
SELECT member_id, router, status FROM hotspot_settled

-- all_days --
SELECT member_id, day::text AS day, bytes FROM hotspot_day WHERE day > current_date - 32
