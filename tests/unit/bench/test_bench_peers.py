"""What the peers of the benchmark get is what giftledger gets, and their figures stand beside ours."""

import json
from argparse import ArgumentTypeError

import pytest

from consumer.apply.decode import decode
from deploy.local.processes import Process
from tests.bench.load import Loaded
from tests.bench.peers.__main__ import chosen
from tests.bench.peers.ingress import Served
from tests.bench.peers.peer import Peer, Scene
from tests.bench.peers.report import Report, markdown
from tests.bench.peers.rows import Row
from tests.bench.peers.topics import Rows, as_published, as_row
from tests.bench.workload import Workload
from tests.builders import record


def test_the_copy_for_debezium_holds_the_rows_that_giftledger_decodes() -> None:
    workload = Workload(60, 20)
    copied = [Row(**json.loads(row.value)) for row in Rows(60, 20)]
    events = [decode(record(published.value)) for published in workload]
    assert [(row.certificate_id, row.balance) for row in copied] == [
        (event.entity.id, event.snapshot.balance) for event in events
    ]
    assert [json.loads(row.data) for row in copied] == [json.loads(event.data) for event in events]


def test_poison_stays_poison_in_the_copy() -> None:
    poison = as_published(b"{")
    assert as_row(poison) == poison


def test_a_peer_that_does_not_exist_is_refused_instead_of_left_out() -> None:
    with pytest.raises(ArgumentTypeError, match="no peer is called faststream"):
        chosen("giftledger,faststream")


def test_a_rate_is_the_median_of_its_rounds_and_compared_with_giftledger() -> None:
    def never(_: Scene) -> Process:
        raise NotImplementedError

    peers = [Peer("giftledger", "giftledger", "facts", never), Peer("other", "Other", "rows", never, goal=3)]
    report = Report({}, 10, {"giftledger": [50.0, 300.0, 100.0], "other": [40.0, 10.0, 80.0]}, {}, {})
    assert markdown(report, peers).splitlines()[-2:] == [
        "| giftledger | facts | 100 | 50 300 100 | 1.00 |  |",
        "| Other | rows | 40 | 40 10 80 | 2.50 | ≥ 3 |",
    ]


def test_an_ingress_is_compared_with_giftledgers_and_its_times_are_medians_too() -> None:
    ours = Served([Loaded(300, 0.002, 0.02), Loaded(100, 0.004, 0.01), Loaded(200, 0.003, 0.03)], "503 after 5.0 s")
    other = Served([Loaded(50, 0.01, 0.1)], "none within 30 s")
    report = Report({}, 0, {}, {}, {"giftledger": ours, "Other": other})
    assert markdown(report, []).splitlines()[-2:] == [
        "| giftledger | 200 | 300 100 200 | 1.00 | 3.0 | 20.0 | 503 after 5.0 s |",
        "| Other | 50 | 50 | 4.00 | 10.0 | 100.0 | none within 30 s |",
    ]
