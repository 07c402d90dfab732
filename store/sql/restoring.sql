-- Rebuilding Redis from the lasting copy.

-- end_lost --
WITH devices AS (UPDATE user_device SET is_active = false WHERE is_active)
UPDATE session_history
SET ended_at = now(), reason = 'lost', ended_by = 'server', kick_id = ''
WHERE ended_at IS NULL
