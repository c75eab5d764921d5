-- What an event says that cannot be true, one row a doubt, as exceptions.
CREATE OR REPLACE FUNCTION reporting_internal.doubts_of(doubts text[])
RETURNS TABLE (rule text, observed text, expected text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT
        split_part(doubt, ' ', 1),
        substr(doubt, strpos(doubt, ' ') + 1),
        CASE split_part(doubt, ' ', 1)
            WHEN 'date_implausible' THEN 'from 2000 on, and not later than an hour after the event was emitted'
            WHEN 'field_unreadable' THEN 'a value of the type that the sender documents'
        END
    FROM unnest(doubts) AS doubt;
END;
