"""Quix Streams with its Postgres sink, a process of its own: `python -m tests.bench.peers.quix`."""

import os
from typing import Any
from urllib.parse import unquote, urlsplit

from quixstreams import Application
from quixstreams.sinks.community.postgresql import PostgreSQLSink

from tests.bench.peers.rows import row

# A commit writes one transaction a partition, so a few thousand rows each. Smaller is slower (by a third at 2,000),
# larger hardly faster; what is left over at the end waits for the interval.
COMMIT_EVERY, COMMIT_SECONDS = 20_000, 2.0


def main() -> None:
    application = Application(
        broker_address=os.environ["KAFKA_BOOTSTRAP_SERVERS"],
        consumer_group=os.environ["GROUP"],
        auto_offset_reset="earliest",
        auto_create_topics=False,
        commit_every=COMMIT_EVERY,
        commit_interval=COMMIT_SECONDS,
        loglevel="WARNING",
    )
    events = application.dataframe(application.topic(os.environ["TOPIC"], value_deserializer="json"))
    events.apply(_columns).sink(_sink(os.environ["DATABASE_URL"]))
    application.run()


def _columns(event: dict[str, Any]) -> dict[str, Any]:
    return row(event)._asdict()


def _sink(database_url: str) -> PostgreSQLSink:
    url = urlsplit(database_url)
    return PostgreSQLSink(
        host=url.hostname,
        port=url.port,
        dbname=url.path.removeprefix("/"),
        user=url.username,
        password=unquote(url.password or ""),
        table_name="certificate",
        primary_key_columns="certificate_id",
        upsert_on_primary_key=True,
        schema_auto_update=False,  # else it alters the table at every flush
        include_metadata=False,
    )


if __name__ == "__main__":
    main()
