-- Every redemption, live and test, with what its certificate adds. Amounts in 1/100000.
CREATE OR REPLACE VIEW reporting_internal.redemption AS
SELECT
    movement.certificate_id,
    movement.livemode,
    movement.occurred_at,
    movement.local_day,
    movement.posting_day,
    -movement.change AS redeemed,
    movement.station_id,
    movement.station_name,
    state.account_id,
    state.definition_id,
    state.currency,
    state.is_purchase_known,
    state.issuing_station_id,
    state.issuing_station_name
FROM reporting_internal.movement
JOIN reporting_internal.certificate_state AS state USING (certificate_id, livemode)
WHERE movement.movement = 'redeemed';
