-- Members: the lasting copy, the admin's list, and what Redis is rebuilt from.

-- save_member --
INSERT INTO member (
    id, email, email_folded, username, username_folded, name, phone, role, password, status,
    must_change, fingerprint_device, action, created_at, updated_at
)
SELECT
    %(id)s, %(email)s, %(email_folded)s, %(username)s, %(username_folded)s, %(name)s, %(phone)s,
    %(role)s, %(password)s, %(status)s, %(must_change)s, %(fingerprint_device)s, %(action)s,
    %(created_at)s, %(updated_at)s
WHERE NOT EXISTS (SELECT FROM member_gone WHERE id = %(id)s)
ON CONFLICT (id) DO UPDATE SET
    email = excluded.email,
    email_folded = excluded.email_folded,
    username = excluded.username,
    username_folded = excluded.username_folded,
    name = excluded.name,
    phone = excluded.phone,
    role = excluded.role,
    password = excluded.password,
    status = excluded.status,
    must_change = excluded.must_change,
    fingerprint_device = excluded.fingerprint_device,
    action = excluded.action,
    updated_at = excluded.updated_at
WHERE member.updated_at <= excluded.updated_at

-- owners --
SELECT id, email, name FROM member
WHERE role = 'admin' AND status = 'active' AND email <> ''
ORDER BY id
LIMIT 50

-- delete_member --
WITH gone AS (INSERT INTO member_gone (id) VALUES (%(id)s) ON CONFLICT DO NOTHING),
     gone_devices AS (DELETE FROM user_device WHERE member_id = %(id)s),
     gone_history AS (DELETE FROM session_history WHERE member_id = %(id)s),
     gone_account AS (DELETE FROM hotspot_account WHERE member_id = %(id)s),
     gone_bound AS (DELETE FROM hotspot_device WHERE member_id = %(id)s),
     gone_settled AS (DELETE FROM hotspot_settled WHERE member_id = %(id)s),
     gone_purchases AS (DELETE FROM hotspot_purchase WHERE member_id = %(id)s),
     gone_days AS (DELETE FROM hotspot_day WHERE member_id = %(id)s),
     gone_transitions AS (DELETE FROM hotspot_transition WHERE member_id = %(id)s)
DELETE FROM member WHERE id = %(id)s

-- read_page --
SELECT id, email, username, name, phone, role, password, status, must_change, fingerprint_device,
       action,
       (extract(epoch FROM created_at) * 1000)::bigint AS created_at,
       (extract(epoch FROM updated_at) * 1000)::bigint AS updated_at
FROM member
WHERE id > %(after)s
ORDER BY id
LIMIT %(count)s

-- count_members --
SELECT count(*) AS members FROM member
