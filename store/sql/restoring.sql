-- Rebuilding Redis from the lasting copy.

-- end_lost --
WITH devices AS (UPDATE user_device SET is_active = false WHERE is_active)
UPDATE session_history
SET ended_at = now(), reason = 'lost', ended_by = 'server', kick_id = ''
WHERE ended_at IS NULL

-- ended_since --
SELECT sid, member_id, reason, ended_by FROM session_history
WHERE ended_at >= to_timestamp(%(since)s::float8 / 1000)

-- opened_since --
SELECT sid, member_id FROM session_history
WHERE ended_at IS NULL AND opened_at >= to_timestamp(%(since)s::float8 / 1000)

-- end_these --
WITH devices AS (UPDATE user_device SET is_active = false WHERE sid = ANY(%(sids)s))
UPDATE session_history
SET ended_at = now(), reason = 'lost', ended_by = 'server', kick_id = ''
WHERE sid = ANY(%(sids)s) AND ended_at IS NULL

-- gone_since --
SELECT id FROM member_gone WHERE gone_at >= to_timestamp(%(since)s::float8 / 1000)

-- meetings_gone_since --
SELECT id FROM meetings WHERE deleted_at >= to_timestamp(%(since)s::float8 / 1000)

-- requests_over_since --
-- they live for some minutes
SELECT id FROM qr_login_token
WHERE step = 3 AND created_at >= to_timestamp(%(since)s::float8 / 1000) - interval '10 minutes'

-- bound --
SELECT member_id, slot FROM hotspot_device
