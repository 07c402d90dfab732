-- What finds the oldest deliveries that are held for a key (`jobs/retention.py`).
CREATE INDEX lynk_inbox_held_by_age ON lynk_inbox (last_at) WHERE state = 'held';
