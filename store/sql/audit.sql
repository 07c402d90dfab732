-- The audit: who did what to whom.

-- write_entry --
INSERT INTO audit (event_id, actor, act, subject, detail, ip, at)
VALUES (%(event_id)s, %(actor)s, %(act)s, %(subject)s, %(detail)s, %(ip)s, %(at)s)
ON CONFLICT (event_id) DO NOTHING
