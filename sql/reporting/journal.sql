CREATE OR REPLACE VIEW {schema}.journal AS
SELECT
    journal.id AS line,
    journal.booked_at,
    journal.period,
    journal.posting_day,
    journal.local_day,
    journal.effective_at,
    journal.certificate_id,
    journal.event_id,
    journal.caused_by,
    journal.entry,
    journal.movement::text AS movement,
    journal.is_inferred,
    journal.account_id,
    journal.definition_id,
    journal.currency,
    journal.change * 0.00001 AS change,
    journal.change_at_consideration * 0.00001 AS change_at_consideration,
    journal.balance * 0.00001 AS balance_after,
    journal.issuing_station_id,
    issuing.name AS issuing_station_name,
    journal.station_id,
    station.name AS station_name,
    journal.purchase_day
FROM giftcert.journal
LEFT JOIN reporting_internal.station AS issuing
    ON issuing.livemode = journal.livemode AND issuing.station_id = journal.issuing_station_id
LEFT JOIN reporting_internal.station
    ON station.livemode = journal.livemode AND station.station_id = journal.station_id
WHERE journal.livemode = {livemode};

COMMENT ON VIEW {schema}.journal IS
'Grain: one row a line of the books.
Reader: auditors, and whoever asks what a figure is made of: every figure is a sum of these lines.
Definition: what each event did to a balance, as it was booked. No line is ever changed: what turned out otherwise is booked again with the opposite sign (entry -1), then as it should be. The lines with booked_at up to a time are the books as they stood then.';
COMMENT ON COLUMN {schema}.journal.balance_after IS
'What its holder could spend after the movement, as it was booked; 0 once it is voided.';
COMMENT ON COLUMN {schema}.journal.change IS
'By how much the balance moved; of a line that is taken back, the other way.';
COMMENT ON COLUMN {schema}.journal.station_id IS 'The station of the movement; NULL online.';
