SELECT id, kind, definition_id, livemode FROM giftcert.rebooking_task WHERE done_at IS NULL ORDER BY id
