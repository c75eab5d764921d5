-- Refuse a period that is none: a day of it is missing, or it ends before it begins. Its end is last_day, or the latest
-- posting day where that is infinite; NULL while the books are empty.
CREATE OR REPLACE FUNCTION reporting_internal.refused_period(first_day date, last_day date, period_end date)
RETURNS boolean
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    IF first_day IS NULL OR last_day IS NULL THEN
        RAISE EXCEPTION 'a day of the period is NULL'
            USING ERRCODE = 'null_value_not_allowed', HINT = '-infinity is the beginning, infinity the latest posting day.';
    END IF;
    IF first_day > period_end THEN
        RAISE EXCEPTION 'the period ends on %, before it begins on %', period_end, first_day
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN false;
END
$$;
