-- What admins look at: lists from the lasting copy, newest first, paged by their last row.

-- list_members --
SELECT id, email, username, name, phone, role, status, must_change,
       (extract(epoch FROM created_at) * 1000)::bigint AS created_at,
       (extract(epoch FROM updated_at) * 1000)::bigint AS updated_at
FROM member
WHERE (%(role)s::text IS NULL OR role = %(role)s)
  AND (%(status)s::text IS NULL OR status = %(status)s)
  AND (%(like)s::text IS NULL OR email_folded LIKE %(like)s OR username_folded LIKE %(like)s
       OR lower(name) LIKE %(like)s
       OR regexp_replace(phone, '[^0-9]', '', 'g') LIKE %(digits)s)
  AND (%(before_at)s::timestamptz IS NULL
       OR (created_at, id) < (%(before_at)s::timestamptz, %(before_id)s::text))
ORDER BY created_at DESC, id DESC
LIMIT %(count)s

-- list_history --
SELECT sid, device_id, kind, method, ip, user_agent, reason, ended_by,
       extract(epoch FROM opened_at)::float AS opened_at,
       extract(epoch FROM ended_at)::float AS ended_at
FROM session_history
WHERE member_id = %(member)s
ORDER BY opened_at DESC, epoch DESC
LIMIT %(count)s

-- list_audit --
SELECT audit.id, actor, by_whom.username AS actor_name, act, subject,
       to_whom.username AS subject_name, detail, ip, extract(epoch FROM at)::float AS at
FROM audit
LEFT JOIN member AS by_whom ON by_whom.id = audit.actor
LEFT JOIN member AS to_whom ON to_whom.id = audit.subject
WHERE (%(actor)s::text IS NULL OR actor = %(actor)s)
  AND (%(subject)s::text IS NULL OR subject = %(subject)s)
  AND (%(act)s::text IS NULL OR act = %(act)s)
  AND (%(before_id)s::bigint IS NULL OR audit.id < %(before_id)s)
ORDER BY audit.id DESC
LIMIT %(count)s
