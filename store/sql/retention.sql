-- Forgetting: `%(count)s` rows at most of those that are older than `%(before)s`, the oldest first.
-- What somebody else has in hand is passed over: the next run finds it.

-- forget_audit --
DELETE FROM audit WHERE id IN (
    SELECT id FROM audit WHERE at < %(before)s ORDER BY at LIMIT %(count)s FOR UPDATE SKIP LOCKED)

-- forget_sessions --
DELETE FROM session_history WHERE sid IN (
    SELECT sid FROM session_history WHERE ended_at < %(before)s
    ORDER BY ended_at LIMIT %(count)s FOR UPDATE SKIP LOCKED)

-- forget_devices --
DELETE FROM user_device WHERE id IN (
    SELECT id FROM user_device WHERE NOT is_active AND last_active_at < %(before)s
    ORDER BY last_active_at LIMIT %(count)s FOR UPDATE SKIP LOCKED)

-- forget_rejected_events --
DELETE FROM event_rejected WHERE event_id IN (
    SELECT event_id FROM event_rejected WHERE at < %(before)s
    ORDER BY at LIMIT %(count)s FOR UPDATE SKIP LOCKED)

-- forget_gone_members --
DELETE FROM member_gone WHERE id IN (
    SELECT id FROM member_gone WHERE gone_at < %(before)s
    ORDER BY gone_at LIMIT %(count)s FOR UPDATE SKIP LOCKED)

-- forget_revocations --
DELETE FROM attendances_revoked WHERE id IN (
    SELECT id FROM attendances_revoked WHERE attendance_day < %(before)s::date
    ORDER BY attendance_day LIMIT %(count)s FOR UPDATE SKIP LOCKED)

-- forget_transitions --
DELETE FROM hotspot_transition WHERE event_id IN (
    SELECT event_id FROM hotspot_transition WHERE at < %(before)s
    ORDER BY at LIMIT %(count)s FOR UPDATE SKIP LOCKED)

-- forget_hotspot_days --
DELETE FROM hotspot_day WHERE (member_id, day) IN (
    SELECT member_id, day FROM hotspot_day WHERE day < %(before)s::date
    ORDER BY day LIMIT %(count)s FOR UPDATE SKIP LOCKED)

-- forget_deliveries --
-- whoever owns a signature or an order keeps what stands for it: it could be sent again
DELETE FROM lynk_inbox WHERE id IN (
    SELECT id FROM lynk_inbox AS i
    WHERE state IN ('ignored', 'quarantined', 'test') AND last_at < %(before)s
      AND NOT EXISTS (SELECT FROM lynk_signature AS s WHERE s.inbox_id = i.id)
      AND NOT EXISTS (SELECT FROM lynk_order AS o WHERE o.inbox_id = i.id)
    ORDER BY last_at LIMIT %(count)s FOR UPDATE SKIP LOCKED)

-- forget_held --
DELETE FROM lynk_inbox WHERE id IN (
    SELECT id FROM lynk_inbox
    WHERE state = 'held' AND last_at < %(before)s
    ORDER BY last_at LIMIT %(count)s FOR UPDATE SKIP LOCKED)

-- forget_mails --
DELETE FROM email_outbox WHERE id IN (
    SELECT id FROM email_outbox WHERE state <> 'queued' AND created_at < %(before)s
    ORDER BY created_at LIMIT %(count)s FOR UPDATE SKIP LOCKED)

-- forget_stale_letters --
DELETE FROM email_outbox WHERE id IN (
    SELECT id FROM email_outbox
    WHERE state = 'queued' AND template = 'ponsel_baru' AND created_at < %(before)s
    ORDER BY created_at LIMIT %(count)s FOR UPDATE SKIP LOCKED)

-- forget_messages --
-- one that is still tried has a later `due_at` each time; so an old one was sent, or given up
DELETE FROM message_outbox WHERE id IN (
    SELECT id FROM message_outbox WHERE due_at < %(before)s
    ORDER BY due_at LIMIT %(count)s FOR UPDATE SKIP LOCKED)

-- forget_qr_requests --
DELETE FROM qr_login_token WHERE id IN (
    SELECT id FROM qr_login_token WHERE created_at < %(before)s
    ORDER BY created_at LIMIT %(count)s FOR UPDATE SKIP LOCKED)

-- forget_attempts --
DELETE FROM attendance_attempts WHERE event_id IN (
    SELECT event_id FROM attendance_attempts WHERE at < %(before)s
    ORDER BY at LIMIT %(count)s FOR UPDATE SKIP LOCKED)

-- stale_newcomers --
SELECT member.id FROM member JOIN hotspot_account AS account ON account.member_id = member.id
WHERE member.password = '!' AND NOT account.approved AND account.stack = '[]'
  AND account.updated_at < %(before)s
ORDER BY account.updated_at LIMIT %(count)s
