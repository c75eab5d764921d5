-- migrate:up

-- Whoever prepares a month compares all that is kept, these too.
GRANT SELECT ON giftcert.redemption_total, giftcert.station_name TO giftledger_closer;

-- migrate:down

REVOKE SELECT ON giftcert.redemption_total, giftcert.station_name FROM giftledger_closer;
