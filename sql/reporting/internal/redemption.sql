-- What was paid with certificates, live and test, by the month of the posting day. Amounts in 1/100000.
CREATE OR REPLACE VIEW reporting_internal.redemption AS
SELECT
    journal.livemode,
    journal.certificate_id,
    journal.account_id,
    journal.definition_id,
    journal.currency,
    journal.issuing_station_id,
    journal.station_id,
    journal.posting_day,
    -journal.change AS redeemed,
    journal.entry,
    unknown.certificate_id IS NULL AS is_purchase_known
FROM giftcert.journal
-- Those without a purchase are few.
LEFT JOIN giftcert.certificate AS unknown
    ON unknown.certificate_id = journal.certificate_id
        AND unknown.livemode = journal.livemode
        AND unknown.purchase_event_id IS NULL
WHERE journal.movement = 'redeemed';
