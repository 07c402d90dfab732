-- The devices of members.

-- read_page --
SELECT page.id AS member, device.id, device.device_type, device.device_name, device.last_ip,
       (extract(epoch FROM device.created_at) * 1000)::bigint AS created_at,
       (extract(epoch FROM device.last_active_at) * 1000)::bigint AS seen_at
FROM (SELECT id FROM member WHERE id > %(after)s ORDER BY id LIMIT %(count)s) AS page
LEFT JOIN LATERAL (
    SELECT * FROM user_device
    WHERE member_id = page.id
    ORDER BY last_active_at DESC
    LIMIT %(each)s
) AS device ON true
ORDER BY page.id
