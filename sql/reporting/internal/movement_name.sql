-- What an event did, told from the balance before it and after it. certificate_activity documents the names.
CREATE OR REPLACE FUNCTION reporting_internal.movement_name(
    is_first boolean,
    kind giftcert.event_kind,
    deleted boolean,
    balance_before bigint,
    balance_after bigint
) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN is_first THEN CASE kind WHEN 'created' THEN 'issued' ELSE 'opening' END
    WHEN balance_after = balance_before THEN 'unchanged'
    WHEN deleted THEN 'voided'
    WHEN balance_after > balance_before THEN 'adjusted_up'
    WHEN kind = 'updated' THEN 'redeemed'
    ELSE 'adjusted_down'
END;
