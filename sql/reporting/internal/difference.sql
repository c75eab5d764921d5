-- By how much the certificates differ from the books, by account, currency and issuing station, live and test: two paths
-- that meet only where both are right. Amounts in 1/100000.
CREATE OR REPLACE VIEW reporting_internal.difference AS
SELECT livemode, account_id, currency, issuing_station_id, sum(balance) AS difference
FROM (
    SELECT livemode, account_id, currency, issuing_station_id, sum(outstanding) AS balance
    FROM reporting_internal.holding
    GROUP BY livemode, account_id, currency, issuing_station_id

    UNION ALL

    SELECT livemode, account_id, currency, issuing_station_id, -change
    FROM reporting_internal.total
) AS told
GROUP BY livemode, account_id, currency, issuing_station_id
HAVING sum(balance) <> 0;
