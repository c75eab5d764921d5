-- Everything of ours, and nothing of anybody else's: RESTRICT refuses when a view of theirs is built on ours.
DO $$
DECLARE
    views text;
    functions text;
BEGIN
    SELECT string_agg(format('%I.%I', schemaname, viewname), ', ') INTO views
    FROM pg_views
    WHERE schemaname IN ('reporting', 'reporting_test', 'reporting_internal') AND viewowner = current_user;

    SELECT string_agg(oid::regprocedure::text, ', ') INTO functions
    FROM pg_proc
    WHERE pronamespace IN ('reporting'::regnamespace, 'reporting_test'::regnamespace, 'reporting_internal'::regnamespace)
        AND proowner = current_user::regrole;

    -- One statement each: among themselves they may depend on one another. Views go first, functions hold none.
    EXECUTE coalesce('DROP VIEW ' || views, '');
    EXECUTE coalesce('DROP FUNCTION ' || functions, '');
END
$$;
