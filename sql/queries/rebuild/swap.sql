-- The shadow takes the place of the tables, which are kept in schema giftcert_old. Whoever waits for a lock on a
-- table looks its name up again when he gets it, and finds the new one.
ALTER TABLE giftcert.webhook_attempt SET SCHEMA giftcert_old;
ALTER TABLE giftcert.certificate SET SCHEMA giftcert_old;
ALTER TABLE giftcert.certificate_history SET SCHEMA giftcert_old;
ALTER TABLE giftcert.definition SET SCHEMA giftcert_old;
ALTER TABLE giftcert_shadow.webhook_attempt SET SCHEMA giftcert;
ALTER TABLE giftcert_shadow.certificate SET SCHEMA giftcert;
ALTER TABLE giftcert_shadow.certificate_history SET SCHEMA giftcert;
ALTER TABLE giftcert_shadow.definition SET SCHEMA giftcert;
