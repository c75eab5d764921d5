-- What is unfinished in the topics ($1 rules, $2 topics, $3 livemodes, $4 places, $5 what was observed, $6 what was expected;
-- $7 how severe it is). What is noted already stays as it was found first; what is no longer so is taken back.
WITH found AS MATERIALIZED (
    SELECT DISTINCT ON (rule, topic, livemode, observed) *
    FROM unnest($1::text[], $2::text[], $3::boolean[], $4::text[], $5::text[], $6::text[])
        AS found (rule, topic, livemode, place, observed, expected)
),

gone AS (
    DELETE FROM giftcert.exception AS known
    WHERE entity = 'topic'
        AND NOT EXISTS (
            SELECT
            FROM found
            WHERE (found.rule, found.topic, found.livemode, found.observed)
                = (known.rule, known.entity_id, known.livemode, known.observed)
        )
)

INSERT INTO giftcert.exception (rule, severity, entity, entity_id, livemode, event_id, observed, expected, found_at)
SELECT rule, $7, 'topic', topic, livemode, place, observed, expected, clock_timestamp()
FROM found
WHERE NOT EXISTS (
    SELECT
    FROM giftcert.exception AS known
    WHERE entity = 'topic'
        AND (found.rule, found.topic, found.livemode, found.observed)
            = (known.rule, known.entity_id, known.livemode, known.observed)
)
