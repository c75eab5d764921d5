-- Refuse a day or time of which the books cannot say anything yet: what has not been booked is not zero. One that is
-- missing is refused, too: no rows would read as nothing outstanding.
CREATE OR REPLACE FUNCTION reporting_internal.refused_beyond(asked text, is_beyond boolean, latest date) RETURNS boolean
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    IF asked IS NULL THEN
        RAISE EXCEPTION 'the day or time that is asked for is NULL' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    IF is_beyond THEN
        RAISE EXCEPTION '% is beyond the latest posting day, %', asked, latest
            USING ERRCODE = 'invalid_parameter_value', HINT = 'liability_current says what is outstanding now.';
    END IF;
    RETURN false;
END
$$;
