"""Rules: the names of all exceptions. The comment of the view data_quality_exceptions says what each means."""

RULES = (
    *("account_changed", "attempt_reused", "balance_negative", "balance_over_face_value", "balance_rose"),
    *("created_again", "currency_changed", "currency_unspecified", "date_implausible", "dead_letters_open"),
    *("definition_currency_changed", "definition_unknown", "events_missing", "field_unreadable", "first_seen_partial"),
    *("not_applied_yet", "paid_without_redemption", "price_missing", "price_over_face_value", "projection_differs"),
    *("purchase_already_spent", "purchase_missing", "redeemed_after_deleted", "redeemed_without_transaction"),
    *("sender_differs", "sold_after_deleted", "sold_while_disabled", "time_zone_invalid", "voided_at_purchase"),
)
