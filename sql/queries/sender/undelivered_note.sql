INSERT INTO sender_undelivered (webhooks, oldest_at) VALUES ($1, $2)
