-- Sessions: their history, and the devices they were opened on.

-- open_session --
WITH device AS (
    INSERT INTO user_device (
        id, member_id, device_type, device_name, browser_id, device_fingerprint, user_agent,
        last_ip, is_active, is_primary, sid, opened_at, last_active_at, created_at
    )
    SELECT
        %(device)s, %(member)s, %(kind)s, %(device_name)s, %(browser_id)s, %(fp)s, %(user_agent)s,
        %(ip)s, NOT EXISTS (
            SELECT FROM session_history WHERE sid = %(sid)s AND ended_at IS NOT NULL
        ), %(is_primary)s, %(sid)s, %(at)s, %(at)s, %(at)s
    ON CONFLICT (id) DO UPDATE SET
        device_type = excluded.device_type,
        device_name = excluded.device_name,
        browser_id = excluded.browser_id,
        device_fingerprint = excluded.device_fingerprint,
        user_agent = excluded.user_agent,
        last_ip = excluded.last_ip,
        is_active = excluded.is_active,
        is_primary = excluded.is_primary,
        sid = excluded.sid,
        opened_at = excluded.opened_at,
        last_active_at = greatest(user_device.last_active_at, excluded.last_active_at)
    WHERE user_device.opened_at <= excluded.opened_at
), others AS (
    UPDATE user_device
    SET is_primary = false
    WHERE member_id = %(member)s AND id <> %(device)s AND is_primary AND %(is_primary)s
      AND opened_at <= %(at)s
), letter AS (
    -- a phone that was never seen here: its owner is told, and so is whoever is not its owner; a
    -- member who came by the hotspot's code has no address
    INSERT INTO email_outbox (dedupe_key, template, recipient, payload)
    SELECT 'phone-' || %(device)s, 'ponsel_baru', email,
           jsonb_build_object('name', name) || %(letter)s
    FROM member
    WHERE id = %(member)s AND %(kind)s = 'mobile' AND %(is_news)s AND email NOT LIKE '%%.invalid'
      AND NOT EXISTS (
          SELECT FROM user_device WHERE id = %(device)s AND device_type = 'mobile'
      )
    ON CONFLICT (dedupe_key) DO NOTHING
)
INSERT INTO session_history (
    sid, member_id, device_id, kind, method, epoch, opened_at, ip, user_agent
) VALUES (
    %(sid)s, %(member)s, %(device)s, %(kind)s, %(method)s, %(epoch)s, %(at)s, %(ip)s,
    %(user_agent)s
)
ON CONFLICT (sid) DO UPDATE SET
    method = excluded.method,
    opened_at = excluded.opened_at,
    ip = excluded.ip,
    user_agent = excluded.user_agent

-- end_session --
WITH device AS (
    UPDATE user_device
    SET is_active = false,
        is_primary = is_primary AND %(kind)s <> 'mobile',
        last_active_at = greatest(last_active_at, %(at)s)
    WHERE id = %(device)s AND sid = %(sid)s AND is_active
), successor AS (
    UPDATE user_device
    SET is_primary = true
    WHERE id = %(primary)s AND member_id = %(member)s AND id <> %(device)s AND is_active
      AND opened_at <= %(at)s
)
INSERT INTO session_history (
    sid, member_id, device_id, kind, epoch, ended_at, reason, ended_by, kick_id
) VALUES (
    %(sid)s, %(member)s, %(device)s, %(kind)s, %(epoch)s, %(at)s, %(reason)s, %(by)s, %(kick_id)s
)
ON CONFLICT (sid) DO UPDATE SET
    ended_at = excluded.ended_at,
    reason = excluded.reason,
    ended_by = excluded.ended_by,
    kick_id = excluded.kick_id
WHERE session_history.ended_at IS NULL
