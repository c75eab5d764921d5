-- migrate:up

-- Whoever may close writes these tables with any SQL: what a report or a command cannot read is refused here. What is there
-- stays, since a close is never changed.
ALTER TABLE giftcert.close_prepared
    ADD CONSTRAINT close_prepared_year CHECK (month BETWEEN date '2000-01-01' AND date '2999-12-01') NOT VALID,
    -- Rows of three texts: a rule, what was found, and why it may stand.
    ADD CONSTRAINT close_prepared_warnings CHECK (
        jsonb_typeof(warnings::jsonb) = 'array'
        AND NOT warnings::jsonb @? 'strict $[*] ? (@.type() != "array" || @.size() != 3)'
        AND NOT warnings::jsonb @? 'strict $[*][*] ? (@.type() != "string")'
    ) NOT VALID,
    -- The same of a currency, what was outstanding, and what of it was confirmed, as amounts are written.
    ADD CONSTRAINT close_prepared_coverage CHECK (
        jsonb_typeof(coverage::jsonb) = 'array'
        AND NOT coverage::jsonb @? 'strict $[*] ? (@.type() != "array" || @.size() != 3)'
        AND NOT coverage::jsonb @? 'strict $[*][*] ? (@.type() != "string")'
        AND NOT coverage::jsonb @? 'strict $[*][1 to 2] ? (!(@ like_regex "^-?[0-9]+[.][0-9]{5}$"))'
    ) NOT VALID;

-- Amounts are finite: nothing is above NaN, which no program of ours writes.
ALTER TABLE giftcert.close_certificate
    ADD CONSTRAINT close_certificate_amounts CHECK (
        greatest(abs(balance), abs(balance_at_consideration)) < 'infinity'
    ) NOT VALID;
ALTER TABLE giftcert.close_rollforward
    ADD CONSTRAINT close_rollforward_amounts CHECK (
        greatest(
            abs(opening), abs(issued), abs(first_seen), abs(adjusted_up), abs(redeemed), abs(adjusted_down), abs(voided),
            abs(closing), abs(for_earlier_months), abs(closing_at_consideration)
        ) < 'infinity'
    ) NOT VALID;

-- migrate:down

ALTER TABLE giftcert.close_rollforward DROP CONSTRAINT close_rollforward_amounts;
ALTER TABLE giftcert.close_certificate DROP CONSTRAINT close_certificate_amounts;
ALTER TABLE giftcert.close_prepared
    DROP CONSTRAINT close_prepared_coverage,
    DROP CONSTRAINT close_prepared_warnings,
    DROP CONSTRAINT close_prepared_year;
