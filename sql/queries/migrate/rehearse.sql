-- What the migrations must be allowed to do: asked before the first of them, for each commits by itself, and one that
-- fails would leave a database that is neither old nor new. The caller takes back what this creates.
DO $$
DECLARE
    role_name text;
    acts_as_owner boolean := true;
    foreign_table record;
BEGIN
    FOREACH role_name IN ARRAY ARRAY[
        'giftledger_owner', 'giftledger_writer', 'giftledger_reporting', 'giftledger_closer'
    ] LOOP
        CONTINUE WHEN EXISTS (SELECT FROM pg_roles WHERE rolname = role_name);
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN
                NULL;
            WHEN insufficient_privilege THEN
                RAISE insufficient_privilege USING
                    MESSAGE = format('%s may not create the role %s', CURRENT_USER, role_name),
                    HINT = format(
                        'Give it CREATEROLE, or have the roles giftledger_owner, giftledger_writer, '
                        'giftledger_reporting and giftledger_closer created (NOLOGIN) and GRANT giftledger_owner TO %I.', CURRENT_USER
                    );
        END;
    END LOOP;

    BEGIN
        GRANT giftledger_owner TO CURRENT_USER;
    EXCEPTION WHEN insufficient_privilege THEN
        -- Somebody else hands out the roles.
        NULL;
    END;
    BEGIN
        SET LOCAL ROLE giftledger_owner;
        SET LOCAL ROLE NONE;
    EXCEPTION WHEN insufficient_privilege THEN
        acts_as_owner := false;
    END;
    IF NOT (acts_as_owner AND pg_has_role('giftledger_owner', 'USAGE')) THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('%s is no member of giftledger_owner, or does not inherit its rights', CURRENT_USER),
            HINT = format('As whoever made the roles: GRANT giftledger_owner TO %I.', CURRENT_USER);
    END IF;

    IF NOT has_database_privilege(current_database(), 'CREATE') AND EXISTS (
        SELECT
        FROM unnest(ARRAY[
            'giftcert', 'giftcert_shadow', 'giftcert_old', 'reporting', 'reporting_test', 'reporting_internal'
        ]) AS wanted (name)
        WHERE to_regnamespace(wanted.name) IS NULL
    ) THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('%s may not create schemas in database %s', CURRENT_USER, current_database()),
            HINT = format('GRANT CREATE ON DATABASE %I TO %I.', current_database(), CURRENT_USER);
    END IF;

    SELECT oid::regclass AS name, relowner::regrole AS owner INTO foreign_table
    FROM pg_class
    WHERE relnamespace = to_regnamespace('giftcert') AND relkind = 'r' AND NOT pg_has_role(relowner, 'USAGE')
    LIMIT 1;
    IF FOUND THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('%s is owned by %s, who migrated before', foreign_table.name, foreign_table.owner),
            HINT = format(
                'Migrate as %s once more, or ALTER TABLE %s OWNER TO giftledger_owner.',
                foreign_table.owner, foreign_table.name
            );
    END IF;
END
$$;
