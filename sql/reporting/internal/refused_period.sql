-- Refuse a period that is none (a day of it is missing, or it ends before it begins), and one of which the books cannot say
-- anything yet. Where they end before last_day, period_end is their latest posting day; NULL while they are empty.
CREATE OR REPLACE FUNCTION reporting_internal.refused_period(first_day date, last_day date, period_end date)
RETURNS boolean
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    IF first_day IS NULL OR last_day IS NULL THEN
        RAISE EXCEPTION 'a day of the period is NULL'
            USING ERRCODE = 'null_value_not_allowed', HINT = '-infinity is the beginning, infinity the latest posting day.';
    END IF;
    IF first_day > last_day THEN
        RAISE EXCEPTION 'the period ends on %, before it begins on %', last_day, first_day
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN reporting_internal.refused_beyond('the period from ' || first_day, first_day > period_end, period_end);
END
$$;
