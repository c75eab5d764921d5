-- What was paid for the part of a certificate that is left: balance × price ÷ face value, rounded half up to 1/100000.
-- Without a known purchase nothing is known of a discount, so that what is left counts in full.
CREATE OR REPLACE FUNCTION reporting_internal.at_consideration(balance bigint, price bigint, face_value bigint)
RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN face_value IS NULL OR face_value = 0 OR price IS NULL OR price = face_value THEN balance
    -- The same in integers, which is cheaper: here the product fits a bigint.
    WHEN balance BETWEEN 0 AND 3000000000 AND price BETWEEN 0 AND 3000000000 AND face_value BETWEEN 1 AND 3000000000
        THEN (balance * price + face_value / 2) / face_value
    ELSE round(balance::numeric * price / face_value)
END;
