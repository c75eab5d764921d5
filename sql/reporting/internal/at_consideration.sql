-- What was paid for the part of a certificate that is left: balance × price ÷ face value, rounded half up to 1/100000.
-- Without a known purchase nothing is known of a discount, so that what is left counts in full.
CREATE OR REPLACE FUNCTION reporting_internal.at_consideration(balance bigint, price bigint, face_value bigint)
RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN face_value IS NULL OR face_value = 0 OR price IS NULL OR price = face_value THEN balance
    ELSE round(balance::numeric * price / face_value)
END;
