-- What finds the oldest rows of what is not kept for good (`jobs/retention.py`), without reading
-- the rest. Where only some rows are ever forgotten, only those are in the index.
CREATE INDEX audit_by_age ON audit (at);
CREATE INDEX session_history_by_age ON session_history (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX user_device_by_age ON user_device (last_active_at) WHERE NOT is_active;
CREATE INDEX event_rejected_by_age ON event_rejected (at);
CREATE INDEX attendance_attempts_by_age ON attendance_attempts (at);
CREATE INDEX hotspot_transition_by_age ON hotspot_transition (at);
CREATE INDEX hotspot_day_by_age ON hotspot_day (day);
CREATE INDEX message_outbox_by_age ON message_outbox (due_at);
CREATE INDEX email_outbox_by_age ON email_outbox (created_at) WHERE state <> 'queued';
CREATE INDEX lynk_inbox_by_age ON lynk_inbox (last_at)
    WHERE state IN ('ignored', 'quarantined', 'test');

-- Asked for each delivery that is deleted: by us, and by the reference itself.
CREATE INDEX lynk_signature_by_inbox ON lynk_signature (inbox_id);
