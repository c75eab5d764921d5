-- Exceptions of certificates that no longer hold: $1 ids, $2 livemodes, $3 rules, $4 events, $5 what was observed.
DELETE FROM giftcert.exception
WHERE ctid = ANY (
    ARRAY(
        SELECT known.place
        FROM unnest($1::text[], $2::boolean[], $3::text[], $4::text[], $5::text[])
            AS healed (certificate_id, livemode, rule, event_id, observed)
        CROSS JOIN LATERAL (
            SELECT ctid AS place
            FROM giftcert.exception
            WHERE entity_id = healed.certificate_id
                AND entity = 'certificate'
                AND livemode = healed.livemode
                AND rule = healed.rule
                AND event_id = healed.event_id
                AND observed = healed.observed
        ) AS known
    )
)
