-- The one place that decides the currency of a certificate's amounts: the first source that says anything.
-- NULL when none does: reports show it as 'unspecified', nothing is guessed.
CREATE OR REPLACE FUNCTION reporting_internal.currency_of(
    definition_currency text,
    station_currency text,
    account_currency text,
    display_currency text
) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(definition_currency, station_currency, account_currency, display_currency);
