-- Rebuilding Redis from the lasting copy.

-- try_lock --
SELECT pg_try_advisory_lock(%(lock)s, hashtext(%(name)s)) AS taken

-- unlock --
SELECT pg_advisory_unlock(%(lock)s, hashtext(%(name)s))

-- end_lost --
WITH devices AS (UPDATE user_device SET is_active = false WHERE is_active)
UPDATE session_history
SET ended_at = now(), reason = 'lost', ended_by = 'server', kick_id = ''
WHERE ended_at IS NULL
