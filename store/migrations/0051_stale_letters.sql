-- Finds mails about a new phone that could not be sent while they were news.
CREATE INDEX email_outbox_stale ON email_outbox (created_at)
    WHERE state = 'queued' AND template = 'ponsel_baru';
