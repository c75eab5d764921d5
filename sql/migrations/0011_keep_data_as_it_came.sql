-- migrate:up

-- jsonb holds no number like 1e400000 and none of 200,000 digits, and what nobody reads must not fail an event. As text
-- it is also what the sender said, to the last blank. (Who reads it says data::jsonb.) This rewrites both tables.
ALTER TABLE giftcert.certificate ALTER COLUMN data TYPE text;
ALTER TABLE giftcert.definition ALTER COLUMN data TYPE text;

-- migrate:down

ALTER TABLE giftcert.definition ALTER COLUMN data TYPE jsonb USING data::jsonb;
ALTER TABLE giftcert.certificate ALTER COLUMN data TYPE jsonb USING data::jsonb;
