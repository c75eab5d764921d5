SELECT webhooks, coalesce(greatest(0, extract(epoch FROM now() - oldest_at)), 0)::double precision FROM giftcert.sender_undelivered
