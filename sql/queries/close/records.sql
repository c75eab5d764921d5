-- Which records are in a close ($1).
SELECT topic, kafka_partition, first_offset, next_offset, passed_over
FROM giftcert.close_records
WHERE close_id = $1
ORDER BY topic, kafka_partition
