-- Resends in a range of pages ($2 first, $3 behind the last) that were received before $1. What stands beside its event is
-- part of the history, and the rows that remember the events of definitions stay: nothing else does.
DELETE FROM other_attempt
WHERE ctid >= format('(%s,0)', $2::bigint)::tid
    AND ctid < format('(%s,0)', $3::bigint)::tid
    AND received_at < $1
    AND outcome = 'resend'
