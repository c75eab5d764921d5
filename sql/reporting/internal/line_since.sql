-- The lines since the totals were kept. An upper bound, so that the planner expects few of them, and reads those only.
CREATE OR REPLACE VIEW reporting_internal.line_since AS
SELECT *
FROM reporting_internal.line
WHERE id BETWEEN (SELECT up_to + 1 FROM giftcert.journal_totalled) AND 9223372036854775807;
