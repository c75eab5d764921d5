"""Every panel of the business dashboard, run on Postgres by the role that Grafana connects as."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest
import yaml

from consumer.apply.apply import apply
from consumer.apply.decode import decode
from consumer.postgres.database import Connection, Pool
from consumer.traffic import Truth, documented, period
from deploy.local.stack import Stack
from schemas.registry import Malformed, route
from tests.builders import record
from tests.monitoring import DASHBOARDS, DEPLOY, SAME_DASHBOARD, panels, queries

SOURCES = DEPLOY / "grafana" / "provisioning" / "datasources" / "giftledger.yaml"
NAMES = ("operations", "business")


@pytest.fixture
async def reader(stack: Stack, connections: Pool, database_url: str) -> AsyncIterator[Connection]:
    """Connect as a user with the reporting role, to a database with a simulated month."""
    start = datetime(2026, 6, 1, tzinfo=UTC)
    events = []
    for webhook in [*documented(Truth()), *period(Truth(), seed=3, start=start, count=800)]:
        try:
            if route(webhook.body).topic != "unrouted":
                events.append(decode(record(webhook.body, received_at="2026-06-02T00:00:00Z")))
        except Malformed:
            continue
    async with connections.acquire() as writer:
        await apply(writer, events)
    name = "grafana"
    stack.postgres.execute(f"CREATE USER {name} PASSWORD 'x' IN ROLE giftledger_reporting", database="postgres")
    url = stack.postgres.url(database_url.rpartition("/")[2], user=name, password="x")
    connection = await asyncpg.connect(url)
    yield connection
    await connection.close()
    stack.postgres.execute(f"DROP USER {name}", database="postgres")


async def test_every_panel_of_business_shows_something(reader: Connection) -> None:
    # The simulation is of one month that has ended in no report yet, and nothing in it is 180 days old.
    # Nobody has asked the sender.
    may_be_empty = {"Restatements", "Dormant", "Out of balance", "The sender says otherwise"}
    for title, query in queries("business", "rawSql"):
        rows = await reader.fetch(query)
        assert rows or title in may_be_empty, title


async def test_a_time_series_has_the_columns_that_grafana_asks_for(reader: Connection) -> None:
    wanted = {panel["title"] for panel in panels("business") if panel["targets"][0].get("format") == "time_series"}
    assert wanted
    for title, query in queries("business", "rawSql"):
        if title in wanted:
            prepared = await reader.prepare(query)
            assert [(column.name, column.type.name) for column in prepared.get_attributes()] == [
                ("time", "timestamptz"),
                ("metric", "text"),
                ("value", "numeric"),
            ], title


async def test_the_variables_query_gives_what_the_panels_ask_for(reader: Connection) -> None:
    dashboard = json.loads((DASHBOARDS / "business.json").read_text())
    (variable,) = dashboard["templating"]["list"]
    assert variable["name"] == "currency"
    assert {"CAD", "EUR"} <= {row["currency"] for row in await reader.fetch(variable["query"])}


async def test_no_panel_asks_for_a_customer(reader: Connection) -> None:
    for title, query in queries("business", "rawSql"):
        columns = {column.name for column in (await reader.prepare(query)).get_attributes()}
        assert columns.isdisjoint({"customer_number", "email", "first_name", "last_name"}), title


@pytest.mark.parametrize("name", NAMES)
def test_a_dashboard_names_only_sources_that_are_provisioned(name: str) -> None:
    provisioned = {source["uid"]: source["type"] for source in yaml.safe_load(SOURCES.read_text())["datasources"]}
    for panel in panels(name):
        sources = [panel["datasource"], *(target["datasource"] for target in panel["targets"])]
        for source in sources:
            assert source == SAME_DASHBOARD or provisioned[source["uid"]] == source["type"]


async def test_what_a_panel_shows_of_another_that_one_asks_for(reader: Connection) -> None:
    asked = {panel["id"]: panel for panel in panels("business")}
    columns = {
        title: {column.name for column in (await reader.prepare(query)).get_attributes()}
        for title, query in queries("business", "rawSql")
    }
    for panel in asked.values():
        for target in panel["targets"]:
            there = columns[asked[target.get("panelId", panel["id"])]["title"]]
            shown = panel.get("options", {}).get("reduceOptions", {}).get("fields", "").strip("/^$")
            assert not shown or shown in there, panel["title"]
            for transformation in panel.get("transformations", ()):
                assert transformation["options"]["excludeByName"].keys() <= there, panel["title"]
                assert transformation["options"]["renameByName"].keys() <= there, panel["title"]


@pytest.mark.parametrize("name", NAMES)
def test_panels_have_titles_and_do_not_overlap(name: str) -> None:
    content = json.loads((DASHBOARDS / f"{name}.json").read_text())
    numbers = [panel["id"] for panel in content["panels"]]
    assert len(numbers) == len(set(numbers))
    taken: set[tuple[int, int]] = set()
    for panel in content["panels"]:
        assert panel["title"]
        cells = _cells(panel["gridPos"])
        assert taken.isdisjoint(cells), panel["title"]
        taken |= cells


def _cells(place: dict[str, Any]) -> set[tuple[int, int]]:
    assert place["x"] + place["w"] <= 24
    return {
        (x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])
    }
