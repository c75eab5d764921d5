-- A view runs its functions with its reader's rights, so that the reader may execute them; without a right on the
-- schema reporting_internal nobody can name them.
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA reporting, reporting_test, reporting_internal FROM PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA reporting, reporting_test, reporting_internal TO giftledger_reporting;
GRANT SELECT ON ALL TABLES IN SCHEMA reporting, reporting_test TO giftledger_reporting;
