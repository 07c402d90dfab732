-- A message may go to another number than the member's own: the one that was theirs.
ALTER TABLE message_outbox ADD COLUMN phone text;
