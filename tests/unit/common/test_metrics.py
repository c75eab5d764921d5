"""The metrics are an interface: each has exactly these labels, is described once, and is listed in the README."""

import re
from itertools import combinations
from pathlib import Path

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, Info
from prometheus_client.metrics import MetricWrapperBase

from consumer.common import metrics
from tests.metric_table import described, table

ROOT = Path(__file__).parents[3]

# Section 8 of the contract.
PROMISED: dict[str, tuple[type[MetricWrapperBase], set[str]]] = {
    "balances_behind": (Gauge, set()),
    "balances_behind_seconds": (Gauge, set()),
    "balances_leads": (Gauge, set()),
    "webhook_requests_total": (Counter, {"outcome", "reason"}),
    "webhook_request_duration_seconds": (Histogram, set()),
    "messages_sent_total": (Counter, {"topic"}),
    "messages_consumed_total": (Counter, {"topic"}),
    "messages_processed_total": (Counter, {"topic", "outcome"}),
    "batch_size": (Histogram, set()),
    "message_process_duration_seconds": (Histogram, {"topic"}),
    "event_age_seconds": (Histogram, {"topic"}),
    "retries_total": (Counter, {"stage", "error_type"}),
    "dead_letters_total": (Counter, {"topic", "reason"}),
    "consumer_lag_messages": (Gauge, {"topic", "partition"}),
    "consumer_assigned_partitions": (Gauge, {"topic"}),
    "consumer_rebalances_total": (Counter, set()),
    "consumer_last_poll_timestamp_seconds": (Gauge, set()),
    "projection_last_applied_timestamp_seconds": (Gauge, {"entity"}),
    "db_transaction_duration_seconds": (Histogram, {"operation"}),
    "db_pool_connections": (Gauge, {"state"}),
    "rollforward_difference": (Gauge, {"currency"}),
    "data_quality_exceptions": (Gauge, {"rule"}),
    "reconciliation_coverage_ratio": (Gauge, {"currency"}),
    "reconciliation_differences": (Gauge, {"verdict"}),
    "sender_undelivered": (Gauge, set()),
    "sender_undelivered_oldest_seconds": (Gauge, set()),
    "open_period_age_days": (Gauge, set()),
    "build_info": (Info, set()),
}


def test_every_promised_metric_is_there_with_exactly_its_labels() -> None:
    there = {metric.name.removeprefix("giftcert_"): (metric.kind, set(metric.labels)) for metric in described()}
    assert {name: there.get(name) for name in PROMISED} == PROMISED


def test_no_metric_is_defined_anywhere_else() -> None:
    definition = re.compile(r"\b(Counter|Gauge|Histogram|Info|Summary|Enum)\(\s*\"")
    others = [
        path.name
        for path in (ROOT / "consumer").rglob("*.py")
        if path.name != "metrics.py" and definition.search(path.read_text())
    ]
    assert others == []


def test_each_has_a_description_and_the_prefix() -> None:
    for metric in described():
        assert metric.name.startswith("giftcert_")
        assert metric.description.endswith(".")


def test_no_label_names_a_certificate_a_customer_or_an_attempt() -> None:
    labels = {label for metric in described() for label in metric.labels}
    assert labels.isdisjoint({"certificate", "certificate_id", "customer", "customer_number", "attempt", "attempt_id"})


def test_the_readme_lists_them_as_they_are() -> None:
    readme = (ROOT / "README.md").read_text()
    if table().splitlines()[0] in readme:
        assert table() in readme, "run: python -m tests.metric_table"


def test_metrics_that_the_module_defines_are_all_described() -> None:
    wrapped = [value for value in vars(metrics).values() if isinstance(value, MetricWrapperBase)]
    assert len(wrapped) == len({metric.name for metric in described()})


def exported(registry: CollectorRegistry) -> set[str]:
    return {family.name for family in registry.collect()}


def test_every_metric_is_exported_by_a_process_and_only_those_of_all_by_several() -> None:
    ours = {family.name for family in REGISTRY.collect()}
    processes = [exported(registry) for registry in (metrics.INGRESS, metrics.WORKER, metrics.BALANCES)]

    assert set.union(*processes) == ours
    for one, another in combinations(processes, 2):
        both = one & another
        assert {name for name in both if name.startswith("giftcert")} == {"giftcert_messages_sent", "giftcert_build"}
        assert "process_resident_memory_bytes" in both


def test_no_process_exports_what_is_measured_in_the_other() -> None:
    assert not {name for name in exported(metrics.WORKER) if re.match("giftcert_(webhook|connections)", name)}
    assert not {name for name in exported(metrics.INGRESS) if re.match("giftcert_(consumer|db|batch|retries)", name)}


def test_values_that_are_observed_at_once_count_as_one_by_one() -> None:
    at_once = Histogram("observed", "…", buckets=(0.5, 1, 2.5), registry=CollectorRegistry())
    one_by_one = Histogram("observed", "…", buckets=(0.5, 1, 2.5), registry=CollectorRegistry())
    values = [0.0, 0.5, 0.6, 1.0, 2.0, 2.5, 3.0, 100.0, 0.5]

    metrics.observe_all(at_once, values)
    for value in values:
        one_by_one.observe(value)

    assert list(at_once.collect()) == list(one_by_one.collect())
