-- Where the certificates that a batch touches arrive before they are merged; each connection has its own.
-- seen: the version of the row that was read, NULL where there was none; is_state, is_purchase: whether the newest event
-- and the purchase are among what is written. The document belongs to the newest event.
CREATE TEMPORARY TABLE incoming_certificate (
    LIKE certificate,
    data text,
    seen xid,
    is_state boolean NOT NULL,
    is_purchase boolean NOT NULL
)
-- As it came: compressed, if at all, where it stays.
WITH (toast_tuple_target = 8160)
ON COMMIT DELETE ROWS;
