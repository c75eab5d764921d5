"""Every metric, in one place. No certificate, customer or attempt id is ever a label."""

from bisect import bisect_left
from collections import Counter as Tally
from collections.abc import Iterable, Sequence
from importlib.metadata import version

from prometheus_client import (
    GC_COLLECTOR,
    PLATFORM_COLLECTOR,
    PROCESS_COLLECTOR,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    disable_created_metrics,
)
from prometheus_client.registry import Collector

disable_created_metrics()  # type: ignore[no-untyped-call]

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_AGES = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14400, 86400)

# Ingress.
webhook_requests = Counter(
    "giftcert_webhook_requests",
    "Answers of the ingress: accepted, refused (the sender's fault) or unavailable (ours), and why.",
    ["outcome", "reason"],
)
# There from the start: a rate does not see a series' first value.
webhook_requests.labels("accepted", "published")
webhook_request_duration = Histogram(
    "giftcert_webhook_request_duration_seconds", "From the request's head to its answer.", buckets=_FAST
)
webhook_verification_enabled = Gauge(
    "giftcert_webhook_verification_enabled", "1 while signatures are verified, 0 where anybody is believed."
)
webhook_reserialised = Counter(
    "giftcert_webhook_reserialised",
    "Signatures that matched only what JSON.stringify makes of the body.",
)
webhooks_almost_ours = Counter(
    "giftcert_webhooks_almost_ours",
    "Webhooks of an event whose name is almost one of ours, and which nobody applies: they are in the unrouted topic.",
)
connections_closed = Counter(
    "giftcert_connections_closed",
    "Connections that the ingress closed because no request could be read: idle, room, connections, head_too_slow, "
    "head_too_large, body_padded, answers_unread, not_http.",
    ["reason"],
)
messages_sent = Counter("giftcert_messages_sent", "Records acknowledged by Kafka.", ["topic"])

# Worker.
messages_consumed = Counter("giftcert_messages_consumed", "Records fetched.", ["topic"])
messages_processed = Counter(
    "giftcert_messages_processed",
    "Records done with: applied, stale, resend, duplicate or dead_lettered.",
    ["topic", "outcome"],
)
batch_size = Histogram(
    "giftcert_batch_size", "Records a batch.", buckets=(1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2000, 5000)
)
message_process_duration = Histogram(
    "giftcert_message_process_duration_seconds",
    "From a batch's fetch to its commit, once for each of its records.",
    ["topic"],
    buckets=_FAST,
)
event_age = Histogram(
    "giftcert_event_age_seconds",
    "From receipt by the ingress to the committed row.",
    ["topic"],
    buckets=_AGES,
)
retries = Counter("giftcert_retries", "Attempts that will be made again.", ["stage", "error_type"])
dead_letters = Counter("giftcert_dead_letters", "Records sent to the dead-letter topic.", ["topic", "reason"])
dead_letters_window = Gauge(
    "giftcert_dead_letters_window",
    "Dead letters among the last 1,000 records: past DEAD_LETTER_MAX_COUNT and DEAD_LETTER_MAX_RATIO the worker stops.",
)
consumer_lag = Gauge("giftcert_consumer_lag_messages", "Records not yet done.", ["topic", "partition"])
consumer_deferred = Gauge(
    "giftcert_consumer_deferred_messages", "Records that wait because somebody holds their rows locked; others go on."
)
consumer_assigned_partitions = Gauge("giftcert_consumer_assigned_partitions", "Partitions held.", ["topic"])
consumer_rebalances = Counter("giftcert_consumer_rebalances", "Assignments received.")
consumer_log_breaks = Counter(
    "giftcert_consumer_log_breaks",
    "Partitions that did not go on where they should: records missing, or again from the beginning.",
    ["topic", "kind"],
)
consumer_last_poll = Gauge("giftcert_consumer_last_poll_timestamp_seconds", "When the worker last polled Kafka.")
projection_last_applied = Gauge(
    "giftcert_projection_last_applied_timestamp_seconds",
    "When a batch last changed the projection.",
    ["entity"],
)
db_transaction_duration = Histogram(
    "giftcert_db_transaction_duration_seconds",
    "Transactions, committed or not.",
    ["operation"],
    buckets=_FAST,
)
db_pool_connections = Gauge(
    "giftcert_db_pool_connections", "Connections of the pool: open, and idle among them.", ["state"]
)

journal_corrections = Counter(
    "giftcert_journal_corrections", "Lines of the journal that were taken back, by what caused it.", ["cause"]
)
rollforward_difference = Gauge(
    "giftcert_rollforward_difference",
    "By how much live certificates and the journal differ, in currency units: must be 0. "
    "What is no currency code stands under other. From one worker.",
    ["currency"],
)
data_quality_exceptions = Gauge(
    "giftcert_data_quality_exceptions",
    "Rows of reporting.data_quality_exceptions that nobody has acknowledged, counted every quarter of an hour. "
    "From one worker.",
    ["rule"],
)
reconciliation_coverage_ratio = Gauge(
    "giftcert_reconciliation_coverage_ratio",
    "The share of what is outstanding that the sender's own list confirmed within seven days. What is no currency code "
    "stands under other. From one worker, where reconcile has run.",
    ["currency"],
)
reconciliation_differences = Gauge(
    "giftcert_reconciliation_differences",
    "Certificates and definitions of which the sender's own list says something else, by verdict. "
    "From one worker, where reconcile has run.",
    ["verdict"],
)
sender_undelivered = Gauge(
    "giftcert_sender_undelivered",
    "Webhooks that the sender had as undelivered when reconcile last asked. From one worker.",
    [],
)
sender_undelivered_oldest = Gauge(
    "giftcert_sender_undelivered_oldest_seconds",
    "How old the oldest of these is, 0 where there is none or it names no date. From one worker.",
    [],
)

# Publisher of balances.
balances_behind = Gauge(
    "giftcert_balances_behind", "Certificates that have changed since their balance was last published."
)
balances_behind_seconds = Gauge(
    "giftcert_balances_behind_seconds",
    "The topics of balances say all that was committed so long ago; 0 where they say all.",
)
balances_too_large = Gauge(
    "giftcert_balances_too_large",
    "Certificates whose state is larger than its topic takes (max.message.bytes): they wait, and others are published.",
)
balances_leads = Gauge(
    "giftcert_balances_leads", "1 in the process that publishes balances, 0 in one that would go on for it."
)

open_period_age_days = Gauge(
    "giftcert_open_period_age_days",
    "For how many days the oldest open month of an account that closes its months has been over. From one worker.",
)

build_info = Info("giftcert_build", "What is running.")
build_info.info({"version": version("giftledger")})

_OF_ALL = (messages_sent, build_info, PROCESS_COLLECTOR, PLATFORM_COLLECTOR, GC_COLLECTOR)
_OF_INGRESS = (
    *(webhook_requests, webhook_request_duration, webhook_verification_enabled, webhook_reserialised),
    *(webhooks_almost_ours, connections_closed),
)
_OF_WORKER = (
    *(messages_consumed, messages_processed, batch_size, message_process_duration, event_age),
    *(retries, dead_letters, dead_letters_window),
    *(consumer_lag, consumer_deferred, consumer_assigned_partitions, consumer_rebalances, consumer_log_breaks),
    *(consumer_last_poll, projection_last_applied, db_transaction_duration, db_pool_connections),
    *(journal_corrections, rollforward_difference, data_quality_exceptions, open_period_age_days),
    *(reconciliation_coverage_ratio, reconciliation_differences, sender_undelivered, sender_undelivered_oldest),
)
_OF_BALANCES = (balances_behind, balances_behind_seconds, balances_too_large, balances_leads)


def _registry(collectors: Iterable[Collector]) -> CollectorRegistry:
    registry = CollectorRegistry()
    for collector in collectors:
        registry.register(collector)
    return registry


# What each process exports: a worker that showed the ingress' metrics would show requests that it never had.
INGRESS = _registry(_OF_ALL + _OF_INGRESS)
WORKER = _registry(_OF_ALL + _OF_WORKER)
BALANCES = _registry(_OF_ALL + _OF_BALANCES)


def observe_all(histogram: Histogram, values: Sequence[float]) -> None:
    """Observe many values; prometheus_client has no way but one by one, which costs as much as decoding an event."""
    buckets = Tally(bisect_left(histogram._upper_bounds, value) for value in values)  # noqa: SLF001 - the only way
    for bucket, count in buckets.items():
        histogram._buckets[bucket].inc(count)  # noqa: SLF001
    histogram._sum.inc(sum(values))  # noqa: SLF001
