-- Which records of each partition are in a close: what was settled up to a position ($1). A record that was applied, at
-- whatever try, is in it; what only was a duplicate or a dead letter is passed over.
SELECT
    topic, kafka_partition, min(lower(part)) AS first_offset, max(upper(part)) AS next_offset,
    int8multirange(int8range(min(lower(part)), max(upper(part))))
        - coalesce(range_agg(part) FILTER (WHERE outcome = 'applied'), '{}') AS passed_over
FROM giftcert.settled, unnest(offsets) AS part
WHERE id <= $1
GROUP BY topic, kafka_partition
ORDER BY topic, kafka_partition
