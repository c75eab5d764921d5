SELECT currency, sum(abs(difference)) FROM reporting.liability_rollforward_daily GROUP BY currency
