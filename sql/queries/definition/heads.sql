-- How far the definitions of a batch ($1 definition ids, $2 livemodes) have come.
SELECT definition_id, livemode, occurred_at, emitted_at, kind, event_id, deleted_at
FROM definition
JOIN unnest($1::text[], $2::boolean[]) AS batch (definition_id, livemode) USING (definition_id, livemode)
