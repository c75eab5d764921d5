-- How far topics ($1) were applied before anybody noted what is settled: of partitions of which nothing is.
SELECT topic, kafka_partition, max(kafka_offset) + 1 AS next_offset
FROM giftcert.webhook_attempt
WHERE topic = ANY ($1::text[])
    AND NOT EXISTS (
        SELECT FROM giftcert.settled
        WHERE settled.topic = webhook_attempt.topic AND settled.kafka_partition = webhook_attempt.kafka_partition
    )
GROUP BY topic, kafka_partition
