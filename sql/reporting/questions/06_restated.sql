-- Which figures of months that we reported have changed since, and because of what?
SELECT month, currency, figure, change, late_events, causes, last_booked_at
FROM reporting.rollforward_restatements
ORDER BY month, currency, figure;
