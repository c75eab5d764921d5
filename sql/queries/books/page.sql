-- The certificates that the history knows behind a key ($1, $2), $3 at most: from one to the next by the index.
WITH RECURSIVE page AS (
    (
        SELECT certificate_id, livemode, 1 AS number
        FROM certificate_history
        WHERE (certificate_id, livemode) > ($1, $2::boolean)
        ORDER BY certificate_id, livemode
        LIMIT 1
    )
    UNION ALL
    SELECT next.certificate_id, next.livemode, page.number + 1
    FROM page
    CROSS JOIN LATERAL (
        SELECT certificate_id, livemode
        FROM certificate_history
        WHERE (certificate_id, livemode) > (page.certificate_id, page.livemode)
        ORDER BY certificate_id, livemode
        LIMIT 1
    ) AS next
    WHERE page.number < $3
)

SELECT certificate_id, livemode FROM page
