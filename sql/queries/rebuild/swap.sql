-- The shadow takes the place of the tables, which are kept in schema giftcert_old. Whoever waits for a lock on a
-- table looks its name up again when he gets it, and finds the new one; so does the view of attempts, made anew.
DO $$
DECLARE
    attempts text := pg_get_viewdef('giftcert.webhook_attempt'::regclass);
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY[
        'other_attempt', 'certificate', 'certificate_document', 'certificate_history', 'definition'
    ] LOOP
        EXECUTE format('ALTER TABLE giftcert.%I SET SCHEMA giftcert_old', table_name);
        EXECUTE format('ALTER TABLE giftcert_shadow.%I SET SCHEMA giftcert', table_name);
    END LOOP;
    PERFORM set_config('search_path', 'giftcert', true);
    EXECUTE 'CREATE OR REPLACE VIEW giftcert.webhook_attempt AS ' || attempts;
END
$$;
