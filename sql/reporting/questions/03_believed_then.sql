-- And what did the books say on 5 April that it was, at one instant everywhere?
SELECT account_id, currency, outstanding, certificates
FROM reporting.liability_as_of(
    as_of => '2026-04-01 00:00 America/Toronto',
    known_at => '2026-04-05 12:00 America/Toronto'
)
ORDER BY account_id, currency;
