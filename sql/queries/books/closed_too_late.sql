-- Lines of an account ($1) that stand in a month up to $2 and came after it was cut: there can be none, or what was signed is
-- not what the books say.
SELECT journal.id AS line, journal.period, journal.certificate_id, journal.change
FROM giftcert.journal
WHERE id > (SELECT min(last_line) FROM giftcert.close WHERE account_id IS NOT DISTINCT FROM $1)
    AND livemode
    AND account_id IS NOT DISTINCT FROM $1
    AND period <= $2
    AND period <= (
        SELECT max(close.month)
        FROM giftcert.close
        WHERE close.account_id IS NOT DISTINCT FROM $1 AND close.month <= $2 AND close.last_line < journal.id
    )
ORDER BY id
