-- The lines of the books, live and test, with what else adds up: of a line that is taken back, everything the other way.
CREATE OR REPLACE VIEW reporting_internal.line AS
SELECT
    journal.*,
    entry * ((balance > 0)::integer - (balance - entry * change > 0)::integer) AS certificates,
    entry * (least(balance, 0) - least(balance - entry * change, 0)) AS negative
FROM giftcert.journal;
