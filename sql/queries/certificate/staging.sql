-- Where a batch's events arrive before they are merged; each connection has its own. Only the newest event of a
-- certificate carries its description.
CREATE TEMPORARY TABLE incoming_certificate (LIKE certificate, received_at timestamptz NOT NULL, doubts text[])
ON COMMIT DELETE ROWS;
ALTER TABLE incoming_certificate ALTER COLUMN data DROP NOT NULL;
