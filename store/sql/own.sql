-- What a member may see of themselves.

-- orders --
SELECT ref_id, id_order, extract(epoch FROM paid_at)::float AS paid_at
FROM lynk_order
WHERE lower(email) = lower(%(email)s)
ORDER BY paid_at DESC, ref_id
LIMIT %(count)s

-- licences --
SELECT key_license, coalesce(nullif(title, ''), produk_digital) AS product, status, id_order,
       device_active IS NOT NULL AS is_in_use
FROM lynk_webhook
WHERE lower(email) = lower(%(email)s)
ORDER BY id DESC
LIMIT %(count)s

-- audit --
-- Who else it was, and from where, is not theirs to know; where a stranger came from is.
SELECT act, extract(epoch FROM at)::float AS at,
       CASE WHEN actor IN ('', %(member)s) THEN ip ELSE '' END AS ip,
       CASE actor WHEN %(member)s THEN 'self' WHEN '' THEN 'stranger' ELSE 'staff' END AS who
FROM audit
WHERE subject = %(member)s
ORDER BY id DESC
LIMIT %(count)s

-- sessions --
SELECT kind, method, ip, user_agent, reason,
       extract(epoch FROM opened_at)::float AS opened_at,
       extract(epoch FROM ended_at)::float AS ended_at
FROM session_history
WHERE member_id = %(member)s
ORDER BY opened_at DESC
LIMIT %(count)s
