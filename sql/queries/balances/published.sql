-- Certificates ($1 ids, $2 livemodes) are published at these versions ($3). What has changed since stays; so does, for another
-- round, what a worker is changing at this moment: nobody waits for anybody here.
DELETE FROM giftcert.balance_outbox
WHERE ctid = ANY (
    ARRAY(
        SELECT known.place
        FROM unnest($1::text[], $2::boolean[], $3::bigint[]) AS published (certificate_id, livemode, version)
        CROSS JOIN LATERAL (
            SELECT ctid AS place
            FROM giftcert.balance_outbox
            WHERE certificate_id = published.certificate_id
                AND livemode = published.livemode
                AND version = published.version
            FOR UPDATE SKIP LOCKED
        ) AS known
    )
)
