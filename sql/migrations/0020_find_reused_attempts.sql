-- migrate:up

-- Those applied lately are looked for again and again.
CREATE INDEX other_attempt_applied_at ON giftcert.other_attempt USING brin (applied_at) WITH (autosummarize = on);

-- migrate:down

DROP INDEX giftcert.other_attempt_applied_at;
