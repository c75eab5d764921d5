-- Where a batch's definitions arrive before they are merged; each connection has its own.
CREATE TEMPORARY TABLE incoming_definition (LIKE definition) ON COMMIT DELETE ROWS;
