-- Certificates ($1 ids, $2 livemodes), with the versions of their rows.
SELECT certificate.xmin AS seen, certificate.*
FROM unnest($1::text[], $2::boolean[]) AS wanted (certificate_id, livemode)
CROSS JOIN LATERAL (
    SELECT xmin, *
    FROM certificate
    WHERE certificate_id = wanted.certificate_id AND livemode = wanted.livemode
    OFFSET 0
) AS certificate
