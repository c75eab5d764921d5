-- One word means one thing in every report: what a column says where its own file says nothing else.
DO $$
DECLARE
    report record;
BEGIN
    FOR report IN
        SELECT attribute.attrelid::regclass AS name, attribute.attname AS column_name, meaning.meaning
        FROM pg_attribute AS attribute
        JOIN pg_class AS relation ON relation.oid = attribute.attrelid
        JOIN (VALUES
            ('account_id', 'The sender''s account.'),
            ('adjusted_down', 'What balances fell by without a payment (a later created event that says less).'),
            ('adjusted_up', 'What balances rose by, and what was left at first sight on certificates whose purchase never arrived.'),
            ('agency_id', 'The agency whose user made the event; NULL when none did.'),
            ('attempts', 'How many attempts were applied.'),
            ('attempts_resent', 'How many of them brought an event that was known.'),
            ('attempts_stale', 'How many of them brought an event older than what was known.'),
            ('balance', 'What its holder can still spend.'),
            ('balance_after', 'What its holder could spend after the event; 0 once it is voided.'),
            ('balance_as_sent', 'The balance of the newest event as it came, also of a voided certificate.'),
            ('balance_at_consideration', 'What was paid for the part that is left: balance × price ÷ face value, rounded half up; the balance itself while the purchase is not known.'),
            ('balance_before', 'What its holder could spend before the event; 0 before the first.'),
            ('certificate_id', 'The sender''s id of the certificate.'),
            ('certificates', 'How many certificates have something left.'),
            ('certificates_issued', 'How many certificates were purchased.'),
            ('certificates_known', 'How many certificates there are, empty ones included.'),
            ('certificates_redeemed', 'How many certificates these redemptions were made with.'),
            ('certificates_without_purchase', 'How many of those with something left were first seen after their purchase: no face value, no discount and no issuing station is known of them.'),
            ('closing', 'What was outstanding at its end. Computed backwards from today''s certificates, not from the columns beside it.'),
            ('created_at', 'When it was created, as the sender says.'),
            ('currency', 'The currency of the amounts beside it: of the definition, else of the purchase''s station, else of the account''s setting, else the display currency where it is the base currency; without a purchase, of the newest event. ''unspecified'' when none of them says anything.'),
            ('customer_number', 'The sender''s number of the customer, a pseudonym; NULL where none was given.'),
            ('definition_id', 'The definition that was sold.'),
            ('definition_name', 'The definition''s internal name.'),
            ('deleted_at', 'When it was deleted.'),
            ('description', 'The sales pitch.'),
            ('difference', 'closing − (opening + issued + adjusted_up − redeemed − adjusted_down − voided): 0, or the history and the current balances tell different stories.'),
            ('entity', 'What it is about.'),
            ('entity_id', 'Its id.'),
            ('event_id', 'The sender''s id of the event.'),
            ('event_kind', 'created (purchased) or updated (paid with), as the sender names the event.'),
            ('expected', 'What would have been right.'),
            ('face_value', 'The balance at the purchase; NULL while the purchase is not known.'),
            ('face_value_given_away', 'The part of the face value that was given away.'),
            ('given_away', 'How many certificates were given away: a price of 0.'),
            ('is_deleted', 'It was deleted: final.'),
            ('is_disabled', 'It is not for sale at present.'),
            ('is_purchase_known', 'The webhook of its purchase arrived.'),
            ('is_taxable', 'Taxes are added to the price.'),
            ('is_voided', 'Its newest event has deleted = true: nothing is left.'),
            ('issued', 'The face values of what was purchased.'),
            ('issued_at', 'When it was purchased: its createdAt, else the time of its purchase''s event.'),
            ('issuing_station_id', 'Where it was purchased; NULL online, or while the purchase is not known.'),
            ('issuing_station_name', 'The name of that station at the purchase.'),
            ('last_station_id', 'The station of its newest event.'),
            ('last_station_name', 'The name of that station.'),
            ('local_day', 'The day of the event on the clock of its station, else in REPORTING_TIME_ZONE.'),
            ('newest_applied_at', 'When the newest attempt was applied.'),
            ('newest_emitted_at', 'When the sender emitted the newest event that we know.'),
            ('newest_received_at', 'When the newest attempt arrived.'),
            ('observed', 'What was found.'),
            ('occurred_at', 'When it happened: updatedAt, else createdAt, else when the event was emitted.'),
            ('of_which_first_seen', 'The part of adjusted_up that was there when we first saw a certificate whose purchase never arrived.'),
            ('opening', 'What was outstanding at its beginning: all movements before it.'),
            ('outstanding', 'The balances, at face value.'),
            ('outstanding_at_consideration', 'What was paid for the balances: balance × price ÷ face value, rounded a certificate; at face value where the purchase is not known.'),
            ('position', 'The event''s place in the certificate''s story, from 1.'),
            ('posting_day', 'The day in the books: the local day, yet never before the posting day of the movement that it follows.'),
            ('price', 'What was paid, before taxes and fees.'),
            ('received_at', 'When we knew: the arrival of the event''s first attempt.'),
            ('redeemed', 'What was paid with certificates.'),
            ('redeemed_so_far', 'Redeemed up to the end of the month.'),
            ('redemptions', 'How many redemptions there were.'),
            ('seconds_since_applied', 'How long ago the newest attempt was applied.'),
            ('severity', 'error or warning.'),
            ('shift_id', 'The agent''s shift.'),
            ('sold', 'How many certificates were sold; those that were given away are not among them.'),
            ('station_id', 'The station of the event; NULL online.'),
            ('station_name', 'The name of the station.'),
            ('status', 'The sender''s status, as it came.'),
            ('taxes_and_fees', 'Total less price.'),
            ('time_zone', 'The time zone whose days count.'),
            ('total', 'What was paid, taxes and fees included.'),
            ('transactions_paid', 'How many transactions it had paid by then, as the sender counts.'),
            ('updated_at', 'When the newest event happened.'),
            ('user_id', 'The sender''s id of the agent.'),
            ('voided', 'What was left on certificates when an event with deleted = true took it.')
        ) AS meaning (column_name, meaning) ON meaning.column_name = attribute.attname
        WHERE relation.relnamespace IN ('reporting'::regnamespace, 'reporting_test'::regnamespace)
            AND relation.relkind = 'v'
            AND relation.relowner = current_user::regrole
            AND attribute.attnum > 0
            AND NOT attribute.attisdropped
            AND col_description(attribute.attrelid, attribute.attnum) IS NULL
    LOOP
        EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', report.name, report.column_name, report.meaning);
    END LOOP;
END
$$;
