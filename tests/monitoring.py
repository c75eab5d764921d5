"""What watches over a deployment: the Prometheus of this machine, the rules, and the dashboards."""

import json
import os
import shutil
import urllib.parse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from deploy.local.stack import Stack
from deploy.local.waiting import free_port, responds, wait_for
from tests.services import read

DEPLOY = Path(__file__).parents[1] / "deploy"
RULES = DEPLOY / "prometheus" / "rules.yaml"
DASHBOARDS = DEPLOY / "grafana" / "dashboards"
# The source of a panel that shows what another one has asked.
SAME_DASHBOARD = {"type": "datasource", "uid": "-- Dashboard --"}

_MACROS = {
    "$__rate_interval": "30s",
    "$__timeFrom()": "'2026-01-01T00:00:00Z'",
    "$__timeTo()": "'2026-12-31T23:59:59Z'",
    "${currency:sqlstring}": "'CAD','EUR','MXN'",
}


def program(name: str) -> str:
    """Give the path of a program of Debian's package prometheus; without it the test is skipped."""
    path = shutil.which(name)
    if path is None:
        if os.environ.get("REQUIRE_PROMETHEUS"):
            pytest.fail(f"{name} is not installed, and REQUIRE_PROMETHEUS is set: apt-get install prometheus")
        pytest.skip(f"{name} is not installed: apt-get install prometheus (REQUIRE_PROMETHEUS=1 makes this a failure)")
    return path


class Prometheus(NamedTuple):
    """A running server."""

    url: str

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Give the samples of an expression, a scalar as one. What is wrong with it is raised as an HTTP error."""
        answer = json.loads(read(f"{self.url}/api/v1/query?{urllib.parse.urlencode({'query': expression})}"))
        assert answer["status"] == "success", expression
        samples: list[dict[str, Any]] = answer["data"]["result"]
        return samples

    def value(self, expression: str) -> float:
        """Give the sum of an expression's samples; 0 where there is none."""
        return sum(float(sample["value"][1]) for sample in self.query(expression))

    def wait_for(self, expression: str) -> None:
        """Wait until an expression has samples."""
        wait_for(lambda: self.query(expression), f"samples of {expression}")


@contextmanager
def prometheus(stack: Stack, folder: Path, targets: Mapping[str, str]) -> Iterator[Prometheus]:
    """Run a Prometheus with our configuration and rules, every second, on these targets by job."""
    binary = program("prometheus")
    port = free_port()
    configuration = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yaml").read_text())
    configuration["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    groups = yaml.safe_load(RULES.read_text())["groups"]
    for group in groups:
        group.pop("interval", None)
    often = folder / "rules.yaml"
    often.write_text(yaml.safe_dump({"groups": groups}))
    configuration["rule_files"] = [str(often)]
    for job in configuration["scrape_configs"]:
        del job["dns_sd_configs"]
        job["static_configs"] = [{"targets": [targets[job["job_name"]]]}]
    file = folder / "prometheus.yaml"
    file.write_text(yaml.safe_dump(configuration))
    process = stack.run(
        "prometheus",
        [
            binary,
            f"--config.file={file}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
    )
    url = f"http://127.0.0.1:{port}"
    try:
        process.wait_until(lambda: responds(f"{url}/-/ready"), "Prometheus is ready")
        yield Prometheus(url)
    finally:
        process.terminate()


def rules() -> list[dict[str, Any]]:
    """Give every rule: alerts, and records."""
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def alerts() -> list[dict[str, Any]]:
    return [rule for rule in rules() if "alert" in rule]


def panels(dashboard: str) -> list[dict[str, Any]]:
    """Give the panels of a dashboard that show something."""
    content = json.loads((DASHBOARDS / f"{dashboard}.json").read_text())
    return [panel for panel in content["panels"] if panel["type"] != "row"]


def queries(dashboard: str, field: str) -> list[tuple[str, str]]:
    """Give title and query of every target that asks, with Grafana's macros replaced by what they may be."""
    found = [
        (panel["title"], target[field])
        for panel in panels(dashboard)
        for target in panel["targets"]
        if target["datasource"] != SAME_DASHBOARD
    ]
    for macro, text in _MACROS.items():
        found = [(title, query.replace(macro, text)) for title, query in found]
    return found
