-- The roll-forward of a month ($1) and account ($2) from the lines up to a position ($3), in 1/100000.
SELECT *
FROM (
    SELECT
        currency,
        issuing_station_id,
        coalesce(sum(change) FILTER (WHERE period < $1), 0) AS opening,
        coalesce(sum(change) FILTER (WHERE period = $1 AND movement = 'issued'), 0) AS issued,
        coalesce(sum(change) FILTER (WHERE period = $1 AND movement = 'first_seen'), 0) AS first_seen,
        coalesce(sum(change) FILTER (WHERE period = $1 AND movement = 'adjusted_up'), 0) AS adjusted_up,
        coalesce(-sum(change) FILTER (WHERE period = $1 AND movement = 'redeemed'), 0) AS redeemed,
        coalesce(-sum(change) FILTER (WHERE period = $1 AND movement = 'adjusted_down'), 0) AS adjusted_down,
        coalesce(-sum(change) FILTER (WHERE period = $1 AND movement = 'voided'), 0) AS voided,
        coalesce(sum(change), 0) AS closing,
        coalesce(sum(change) FILTER (WHERE period = $1 AND posting_day < $1), 0) AS for_earlier_months,
        coalesce(sum(change_at_consideration), 0) AS closing_at_consideration
    FROM giftcert.journal
    WHERE livemode AND id <= $3 AND account_id IS NOT DISTINCT FROM $2 AND period <= $1
    GROUP BY currency, issuing_station_id
) AS book
-- What was taken back altogether was never there.
WHERE (opening, issued, first_seen, adjusted_up, redeemed, adjusted_down, voided, closing, closing_at_consideration)
    <> (0, 0, 0, 0, 0, 0, 0, 0, 0)
ORDER BY currency COLLATE "C", issuing_station_id COLLATE "C" NULLS FIRST
