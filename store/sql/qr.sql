-- Requests of desktops to be let in by a phone.

-- create_request --
INSERT INTO qr_login_token (
    id, token, status, delivery, web_fingerprint, web_user_agent, web_ip, web_name, browser_id,
    expires_at, created_at
) VALUES (
    %(id)s, %(token)s, 'pending', %(delivery)s, %(fp)s, %(user_agent)s, %(ip)s, %(device_name)s,
    %(browser_id)s, %(expires_at)s, %(at)s
)
ON CONFLICT DO NOTHING

-- turn_request --
WITH turned AS (
    UPDATE qr_login_token
    SET status = %(status)s,
        step = %(step)s,
        approved_by_user_id = CASE WHEN %(status)s = 'approved' THEN %(member)s
                                   ELSE approved_by_user_id END,
        scanned_at = CASE WHEN %(state)s = 'scanned' THEN %(at)s ELSE scanned_at END,
        approved_at = CASE WHEN %(state)s = 'approved' THEN %(at)s ELSE approved_at END,
        redeemed_at = CASE WHEN %(state)s = 'redeemed' THEN %(at)s ELSE redeemed_at END
    WHERE id = %(id)s AND step < %(step)s
)
SELECT require_row(EXISTS (SELECT FROM qr_login_token WHERE id = %(id)s), 'QR request ' || %(id)s)
