-- migrate:up

-- Three roles that own, write and read. None can log in: grant them to the users that do, for example
-- GRANT giftledger_writer TO worker_prod. Roles belong to the whole cluster, so another database of the same
-- cluster may have made them already, perhaps at this very moment.
DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['giftledger_owner', 'giftledger_writer', 'giftledger_reporting'] LOOP
        -- Where roles are in somebody else's hands they are there, and whoever migrates may not make any.
        CONTINUE WHEN EXISTS (SELECT FROM pg_roles WHERE rolname = role_name);
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;
    END LOOP;
END
$$;

-- The schema may exist already: dbmate keeps its table of applied migrations in it.
CREATE SCHEMA IF NOT EXISTS giftcert;
GRANT USAGE ON SCHEMA giftcert TO giftledger_writer;

-- migrate:down

-- The roles stay: another database of the same cluster may use them.
REVOKE USAGE ON SCHEMA giftcert FROM giftledger_writer;
