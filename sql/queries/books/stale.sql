-- Certificates behind a key ($1, $2) whose definition's first currency is not the one that they are booked in, $3 at most.
SELECT certificate.certificate_id, certificate.livemode, certificate.definition_id
FROM certificate
JOIN definition USING (definition_id, livemode)
WHERE (certificate.certificate_id, certificate.livemode) > ($1, $2::boolean)
    AND definition.first_currency_code <> certificate.currency
ORDER BY certificate.certificate_id, certificate.livemode
LIMIT $3
