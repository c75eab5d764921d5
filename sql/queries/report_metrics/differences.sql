-- By how much books and certificates differ, each book by itself.
SELECT currency, sum(abs(difference)) FROM reporting.liability_current GROUP BY currency
