"""The way to Kafka while there is none."""

import asyncio
from pathlib import Path

from consumer.common.settings import load
from consumer.kafka.publisher import Publisher
from deploy.local.waiting import free_port
from tests.certificates import write_authority
from tests.pipeline import until


async def test_why_kafka_cannot_be_reached_is_found_also_where_the_authority_s_file_is_gone_by_then(
    tmp_path: Path,
) -> None:
    authority = write_authority(tmp_path / "authority.pem")
    publisher = Publisher(
        load(
            {
                "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}",
                "KAFKA_SECURITY_PROTOCOL": "SSL",
                "KAFKA_SSL_CAFILE": str(authority),
            }
        )
    )
    authority.unlink()

    async def found() -> bool:
        return publisher.trouble is not None

    await publisher.start()
    try:
        await until(found, "the reason")
    finally:
        await publisher.stop()

    await asyncio.sleep(0)
    assert "cannot be reached" in str(publisher.trouble)
