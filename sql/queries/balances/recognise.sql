-- A topic ($1) holds, in so many partitions ($2) and under this id ($3), all that is not in the outbox.
INSERT INTO giftcert.balance_topic (name, partitions, topic_id)
VALUES ($1, $2, $3)
ON CONFLICT (name) DO UPDATE SET partitions = EXCLUDED.partitions, topic_id = EXCLUDED.topic_id
