-- CREATE OR REPLACE VIEW keeps the comments of columns: forget them, so that none of an earlier version stays.
DO $$
DECLARE
    report record;
BEGIN
    FOR report IN
        SELECT attribute.attrelid::regclass AS name, attribute.attname AS column_name
        FROM pg_attribute AS attribute
        JOIN pg_class AS relation ON relation.oid = attribute.attrelid
        WHERE relation.relnamespace IN ('reporting'::regnamespace, 'reporting_test'::regnamespace)
            AND relation.relkind = 'v'
            AND relation.relowner = current_user::regrole
            AND attribute.attnum > 0
            AND col_description(attribute.attrelid, attribute.attnum) IS NOT NULL
    LOOP
        EXECUTE format('COMMENT ON COLUMN %s.%I IS NULL', report.name, report.column_name);
    END LOOP;
END
$$;
