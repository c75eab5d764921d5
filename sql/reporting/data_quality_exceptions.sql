CREATE OR REPLACE VIEW {schema}.data_quality_exceptions AS
WITH found AS (
    SELECT rule, severity, entity, entity_id, account_id, event_id, occurred_at, found_at, observed, expected
    FROM giftcert.exception
    WHERE livemode = {livemode}
        -- An attempt that named a second event is no exception any more where that came by another way.
        AND (
            rule <> 'attempt_reused'
            -- Two workers applied both at the same moment.
            OR severity = 'warning'
            OR (
                entity = 'certificate'
                AND NOT EXISTS (
                    SELECT
                    FROM giftcert.certificate_history AS history
                    WHERE history.certificate_id = exception.entity_id
                        AND history.livemode = exception.livemode
                        AND history.event_id = exception.event_id
                )
            )
            OR (
                entity = 'definition'
                AND NOT EXISTS (
                    SELECT
                    FROM giftcert.other_attempt AS other
                    WHERE other.entity_id = exception.entity_id
                        AND other.livemode = exception.livemode
                        AND other.event_id = exception.event_id
                        AND other.event LIKE 'giftcertificates.%'
                        AND other.outcome <> 'resend'
                )
            )
        )

    UNION ALL

    SELECT rule, severity, entity, entity_id, account_id, NULL, occurred_at, NULL, observed, expected
    FROM reporting_internal.read_exception
    WHERE livemode = {livemode}

    UNION ALL

    SELECT
        'time_zone_invalid', 'error', 'setting', 'REPORTING_TIME_ZONE', NULL, NULL, NULL, NULL,
        setting.time_zone, 'a name of the IANA time zone database; until then it is UTC'
    FROM giftcert.reporting_setting AS setting
    WHERE setting.time_zone NOT IN (SELECT name FROM giftcert.time_zone)
),

acknowledged AS (
    SELECT DISTINCT ON (rule, entity, entity_id, event_id, observed, expected) *
    FROM giftcert.exception_acknowledgement
    WHERE livemode = {livemode}
    ORDER BY rule, entity, entity_id, event_id, observed, expected, id DESC
)

SELECT
    found.rule,
    found.severity,
    found.entity,
    found.entity_id,
    found.account_id,
    found.event_id,
    found.occurred_at,
    found.found_at,
    found.observed,
    found.expected,
    acknowledged.id IS NOT NULL AS is_acknowledged,
    acknowledged.acknowledged_by,
    acknowledged.acknowledged_at,
    acknowledged.because
FROM found
LEFT JOIN acknowledged
    ON acknowledged.rule = found.rule
        AND acknowledged.entity = found.entity
        AND acknowledged.entity_id = found.entity_id
        AND (acknowledged.event_id, acknowledged.observed, acknowledged.expected)
            IS NOT DISTINCT FROM (found.event_id, found.observed, found.expected);

COMMENT ON VIEW {schema}.data_quality_exceptions IS
'Grain: one row an exception.
Reader: whoever answers for the figures, before they are signed.
Definition: what the webhooks say that cannot all be true, or that shows that some never arrived. Nothing is corrected because of it. error: a figure is wrong or incomplete; warning: unusual, and to be understood. What somebody has acknowledged stays, marked, until it says something else.';
COMMENT ON COLUMN {schema}.data_quality_exceptions.rule IS
'Of events: balance_rose; balance_negative; events_missing: more transactions were added at once than one event adds; redeemed_without_transaction: the balance fell and no transaction was added; paid_without_redemption: a transaction was paid and the balance did not fall; redeemed_after_deleted: changed after deleted = true; created_again: of several created events the first is the purchase, and the others change nothing; account_changed and currency_changed: the event names another account, its station another currency than the certificate is booked under; date_implausible: a date before 2000, or later than an hour after its event was emitted, counts as none; field_unreadable: a field that is not as the sender documents it (another type, a currency that is no code, an id longer than any) counts as not given; attempt_reused: an attempt id came with a second event, which may be lost (error), or which another worker applied at the same moment (warning). Of certificates: purchase_missing: no created event is known; purchase_already_spent: the purchase lists paid transactions, or holds less than its definition gives; voided_at_purchase; price_missing; price_over_face_value: more was paid than is got; balance_over_face_value; first_seen_partial: less was left at first sight than the definition gives; currency_unspecified; definition_unknown: one is named that we do not know; sold_while_disabled and sold_after_deleted, of its definition; projection_differs: the journal says another balance than the certificate. Of definitions: price_over_face_value; definition_currency_changed: it names another currency now than its certificates are in; date_implausible; field_unreadable. Of certificates and definitions: sender_differs: the sender''s own list says another balance (value, price) than we have, see reconciliation. Of stations and the setting: time_zone_invalid. Of topics: dead_letters_open: a record that could not be applied, and was not since; not_applied_yet: the next record of a partition has waited for more than a minute.';
COMMENT ON COLUMN {schema}.data_quality_exceptions.entity IS 'certificate, definition, station, topic or setting.';
COMMENT ON COLUMN {schema}.data_quality_exceptions.event_id IS
'The event that shows it; of a topic the place, partition:offset; NULL where it is not one event.';
COMMENT ON COLUMN {schema}.data_quality_exceptions.occurred_at IS
'When that event happened, else the newest event of the entity.';
