-- Whether the close of a month ($1) and account ($2) has a certificate ($3).
SELECT EXISTS (
    SELECT
    FROM giftcert.close
    JOIN giftcert.close_certificate AS row ON row.close_id = close.id
    WHERE close.month = $1 AND close.account_id IS NOT DISTINCT FROM $2 AND row.certificate_id = $3
)
