-- Empty copies of the tables of facts in schema giftcert_shadow, the same down to the names of their indexes, their
-- owners and their grants: after the swap nobody can tell them apart.
DO $$
DECLARE
    live regclass;
    table_name text;
    made record;
BEGIN
    FOREACH table_name IN ARRAY ARRAY[
        'other_attempt', 'certificate', 'certificate_document', 'certificate_history', 'definition'
    ] LOOP
        live := format('giftcert.%I', table_name)::regclass;
        EXECUTE format(
            'CREATE TABLE giftcert_shadow.%I (LIKE %s INCLUDING ALL EXCLUDING INDEXES) %s',
            table_name,
            live,
            (SELECT 'WITH (' || array_to_string(reloptions, ', ') || ')' FROM pg_class WHERE oid = live)
        );

        FOR made IN
            SELECT pg_get_indexdef(indexrelid) AS definition, indexrelid::regclass AS index, conname,
                CASE contype WHEN 'p' THEN 'PRIMARY KEY' ELSE 'UNIQUE' END AS kind
            FROM pg_index
            LEFT JOIN pg_constraint ON conindid = indexrelid AND contype IN ('p', 'u')
            WHERE indrelid = live
        LOOP
            EXECUTE replace(made.definition, ' ON giftcert.', ' ON giftcert_shadow.');
            IF made.conname IS NOT NULL THEN
                EXECUTE format(
                    'ALTER TABLE giftcert_shadow.%I ADD CONSTRAINT %I %s USING INDEX %I',
                    table_name, made.conname, made.kind, made.conname
                );
            END IF;
        END LOOP;

        FOR made IN
            SELECT privilege_type AS privilege, '' AS columns, grantee::regrole AS grantee
            FROM pg_class, aclexplode(relacl)
            WHERE pg_class.oid = live AND grantee <> relowner
            UNION ALL
            SELECT privilege_type, format('(%I)', attname), grantee::regrole
            FROM pg_attribute, aclexplode(attacl)
            WHERE attrelid = live
        LOOP
            EXECUTE format(
                'GRANT %s %s ON giftcert_shadow.%I TO %s', made.privilege, made.columns, table_name, made.grantee
            );
        END LOOP;

        EXECUTE format(
            'ALTER TABLE giftcert_shadow.%I OWNER TO %I',
            table_name, (SELECT tableowner FROM pg_tables WHERE schemaname = 'giftcert' AND tablename = table_name)
        );
    END LOOP;
END
$$;
