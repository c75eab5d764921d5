-- The rows of the roll-forward of a close ($1), in 1/100000.
SELECT
    currency, issuing_station_id, opening, issued, first_seen, adjusted_up, redeemed, adjusted_down, voided, closing,
    for_earlier_months, closing_at_consideration
FROM giftcert.close_rollforward
WHERE close_id = $1
ORDER BY currency, issuing_station_id NULLS FIRST
