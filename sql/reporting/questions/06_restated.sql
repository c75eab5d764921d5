-- Which figures of months that we reported have changed since, and because of what?
SELECT month, currency, figure, change, late_events, last_received_at
FROM reporting.rollforward_restatements
ORDER BY month, currency, figure;
