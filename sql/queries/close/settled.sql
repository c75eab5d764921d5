-- What is settled of each partition, whatever became of it.
SELECT topic, kafka_partition, range_agg(part) AS offsets
FROM giftcert.settled, unnest(offsets) AS part
GROUP BY topic, kafka_partition
