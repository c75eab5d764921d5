"""A real Prometheus scrapes a running ingress and worker; rules and dashboards are evaluated on what it sees."""

import asyncio
import os
import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from inspect import signature
from pathlib import Path

import pytest
import yaml

from consumer.postgres.database import pool
from consumer.traffic.simulate import simulate
from deploy.local.stack import Stack
from tests.metric_table import described
from tests.monitoring import DEPLOY, RULES, Prometheus, alerts, program, prometheus, queries, rules
from tests.sender import SECRET
from tests.services import commands, deployment, start_both, wait_for_metric

pytestmark = pytest.mark.once

COUNT = 300
# Several scrapes: a rate needs two of each series, and an increase between them.
TRAFFIC_SECONDS = 6
FOLDER = DEPLOY / "prometheus"
CASES = sorted(FOLDER.glob("*_test.yaml"))
RUNBOOKS = "https://runbooks.example.com/giftledger"

# What the simulated traffic moves.
MOVED = (
    'giftcert_webhook_requests_total{outcome="accepted"}',
    'giftcert_webhook_requests_total{outcome="refused"}',
    "giftcert_webhook_request_duration_seconds_count",
    "giftcert_webhook_verification_enabled",
    "giftcert_messages_sent_total",
    "giftcert_messages_consumed_total",
    'giftcert_messages_processed_total{outcome="applied"}',
    'giftcert_messages_processed_total{outcome="stale"}',
    'giftcert_messages_processed_total{outcome="resend"}',
    'giftcert_messages_processed_total{outcome="duplicate"}',
    'giftcert_messages_processed_total{outcome="dead_lettered"}',
    "giftcert_batch_size_count",
    "giftcert_message_process_duration_seconds_count",
    "giftcert_event_age_seconds_count",
    "giftcert_dead_letters_total",
    "giftcert_consumer_assigned_partitions",
    "giftcert_consumer_rebalances_total",
    "giftcert_consumer_last_poll_timestamp_seconds",
    "giftcert_projection_last_applied_timestamp_seconds",
    "giftcert_db_transaction_duration_seconds_count",
    "giftcert_db_pool_connections",
    "giftcert_balances_leads",
    "giftcert_build_info",
)


@pytest.fixture(scope="module")
def watched(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Watch over a deployment that has had traffic."""
    program("prometheus")
    url = stack.postgres.create_database("watched")
    with commands(stack, deployment(stack, DATABASE_URL=url)) as giftledger:
        ingress, sender, worker = start_both(giftledger)
        balances = giftledger.start("balances")
        balances.wait_until_ready()
        targets = {
            "giftledger-ingress": f"127.0.0.1:{ingress.admin_port}",
            "giftledger-worker": f"127.0.0.1:{worker.admin_port}",
            "giftledger-balances": f"127.0.0.1:{balances.admin_port}",
        }
        with prometheus(stack, tmp_path_factory.mktemp("prometheus"), targets) as server:
            server.wait_for('up{job="giftledger-ingress"} == 1')
            server.wait_for('up{job="giftledger-worker"} == 1')
            server.wait_for("giftcert_balances_leads == 1")
            _, truth = asyncio.run(
                simulate(
                    url=f"http://127.0.0.1:{sender.port}",
                    secret=SECRET,
                    count=COUNT,
                    start=datetime(2026, 6, 1, tzinfo=UTC),
                    rate=COUNT / TRAFFIC_SECONDS,
                )
            )
            done = truth.attempts + truth.duplicates + truth.dead_lettered
            wait_for_metric(worker, "giftcert_messages_processed_total", done)
            server.wait_for(f"sum(giftcert_messages_processed_total) >= {done}")
            yield server
    stack.postgres.drop_database("watched")


def test_prometheus_sees_every_metric_that_traffic_moves(watched: Prometheus) -> None:
    assert [metric for metric in MOVED if watched.value(metric) <= 0] == []


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.get("alert", rule.get("record")))
def test_every_rule_can_be_evaluated(watched: Prometheus, rule: dict[str, str]) -> None:
    watched.query(rule["expr"])


def test_records_of_rules_have_values(watched: Prometheus) -> None:
    for record in ("giftledger:webhook_requests:rate5m", "giftledger:webhook_unavailable:ratio_rate5m"):
        watched.wait_for(record)


def test_the_alert_for_dead_letters_fires(watched: Prometheus) -> None:
    watched.wait_for('ALERTS{alertname="GiftledgerDeadLetters", alertstate="firing"}')


def test_no_alert_fires_that_says_a_process_is_down(watched: Prometheus) -> None:
    down = 'ALERTS{alertname=~"Giftledger(Worker|Ingress)Down|GiftledgerVerificationOff"}'
    assert watched.query(down) == []


@pytest.mark.parametrize("panel", queries("operations", "expr"), ids=lambda panel: panel[0])
def test_every_panel_of_operations_can_be_evaluated(watched: Prometheus, panel: tuple[str, str]) -> None:
    watched.query(panel[1])


def test_most_panels_of_operations_show_something(watched: Prometheus) -> None:
    watched.wait_for("rate(giftcert_messages_processed_total[30s])")
    watched.wait_for("giftledger:events_late:ratio_rate1h")
    empty = {title for title, query in queries("operations", "expr") if not watched.query(query)}
    # Nothing is out of order here, so nothing shows; and the figures are looked at every quarter of an hour.
    assert empty <= {
        "Retries",
        "Signatures",
        "Roll-forward out of balance by",
        "Data quality exceptions",
        "Error budget",
    }


@pytest.mark.parametrize("file", CASES, ids=lambda file: file.name)
def test_alerts_fire_and_stay_quiet(file: Path) -> None:
    # It makes much garbage and keeps little: to collect less often takes a quarter less time.
    done = subprocess.run(  # noqa: S603 - our own arguments
        [program("promtool"), "test", "rules", file],
        env={**os.environ, "GOGC": "800"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("arguments", [("rules", "rules.yaml"), ("config", "prometheus.yaml")])
def test_promtool_finds_nothing_wrong(arguments: tuple[str, str]) -> None:
    what, file = arguments
    done = subprocess.run(  # noqa: S603 - our own arguments
        [program("promtool"), "check", what, FOLDER / file], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    cases = [case["name"] for file in CASES for case in yaml.safe_load(file.read_text())["tests"]]
    for alert in alerts():
        assert f"{alert['alert']} fires" in cases
        assert f"{alert['alert']} stays quiet" in cases


def test_each_alert_says_how_bad_it_is_and_links_to_its_runbook() -> None:
    headings = {
        re.sub(r"[^\w -]", "", line.lstrip("#").strip()).lower().replace(" ", "-")
        for line in (DEPLOY / "README.md").read_text().splitlines()
        if line.startswith("#")
    }
    for alert in alerts():
        assert alert["labels"]["severity"] in {"page", "ticket"}
        assert {"summary", "description", "runbook_url"} == set(alert["annotations"])
        page, _, anchor = alert["annotations"]["runbook_url"].partition("#")
        assert page == RUNBOOKS
        assert anchor == alert["alert"].lower()
        assert anchor in headings


def test_a_figure_in_an_alerts_text_is_a_share_a_duration_an_amount_or_a_whole_count() -> None:
    shown = {"humanizePercentage", "humanizeDuration", 'printf "%.0f" $value'}
    for alert in alerts():
        for figure in re.findall(r"{{([^}]*\$value[^}]*)}}", "".join(alert["annotations"].values())):
            is_amount = alert["alert"] == "GiftledgerRollforwardOutOfBalance"
            assert is_amount or figure.strip().removeprefix("$value | ") in shown, alert["alert"]


def test_an_alert_on_a_share_wants_several_bad_messages() -> None:
    """One bad message of one is 100 %, at night."""
    of_a_share = [alert for alert in alerts() if "humanizePercentage" in alert["annotations"]["summary"]]
    assert of_a_share
    for alert in of_a_share:
        assert re.search(r"> \d+$", alert["expr"]), alert["alert"]


def test_the_alert_for_a_full_pool_knows_how_large_it_is() -> None:
    (rule,) = [alert for alert in alerts() if alert["alert"] == "GiftledgerPoolSaturated"]
    assert rule["expr"].endswith(f">= {signature(pool).parameters['size'].default}")


def test_rules_and_dashboards_use_only_metrics_that_there_are() -> None:
    known = {metric.name for metric in described()}
    texts = [RULES.read_text(), *(query for _, query in queries("operations", "expr"))]
    used = {name for text in texts for name in re.findall(r"\bgiftcert_\w+", text)}
    assert {re.sub(r"_(bucket|count|sum)$", "", name) for name in used} <= known


def test_what_the_shipped_configuration_scrapes_is_what_the_rules_name() -> None:
    jobs = {job["job_name"] for job in yaml.safe_load((FOLDER / "prometheus.yaml").read_text())["scrape_configs"]}
    named = set(re.findall(r'job="([^"]+)"', RULES.read_text()))
    assert named == jobs
