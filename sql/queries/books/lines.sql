-- The lines of certificates ($1 ids, $2 livemodes) that stand, those that were taken back left out; after the key in the
-- order of consumer.books.lines.Line, then how many of it stand.
SELECT
    journal.certificate_id, journal.livemode, journal.event_id, journal.movement, journal.is_inferred,
    journal.entry * journal.change, journal.entry * journal.change_at_consideration, journal.balance,
    journal.effective_at, journal.local_day, journal.posting_day, journal.purchase_day, journal.account_id,
    journal.definition_id, journal.currency, journal.issuing_station_id, journal.station_id, sum(journal.entry) AS standing
FROM unnest($1::text[], $2::boolean[]) AS wanted (certificate_id, livemode)
CROSS JOIN LATERAL (
    SELECT *
    FROM giftcert.journal
    WHERE certificate_id = wanted.certificate_id AND livemode = wanted.livemode
    OFFSET 0
) AS journal
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17
HAVING sum(journal.entry) <> 0
