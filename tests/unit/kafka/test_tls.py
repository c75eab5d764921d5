"""What we prove ourselves with to Kafka is what lies in the files when a connection is made."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme

from consumer.common.settings import load
from consumer.kafka.tls import KafkaContext
from tests.certificates import write_authority, write_certificate

AUTHORITY = trustme.CA()


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[int]:
    """Start a server that asks for a certificate, and answers with the name that stands in it."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(write_certificate(tmp_path / "server.pem", AUTHORITY, "server"))
    AUTHORITY.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        subject = dict(pair for (pair,) in writer.get_extra_info("peercert")["subject"])
        writer.write(subject["commonName"].encode())
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    yield server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()


async def name_at(port: int, context: ssl.SSLContext) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    try:
        return (await reader.read()).decode()
    finally:
        writer.close()
        await writer.wait_closed()


async def test_a_certificate_that_was_renewed_is_the_next_connections(port: int, tmp_path: Path) -> None:
    file, trusted = tmp_path / "ours.pem", write_authority(tmp_path / "authority.pem", AUTHORITY)
    write_certificate(file, AUTHORITY, "first")
    given = {"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_CERTFILE": str(file), "KAFKA_SSL_CAFILE": str(trusted)}
    context = KafkaContext.of(load(given))

    assert await name_at(port, context) == "first"
    write_certificate(file, AUTHORITY, "second")
    assert await name_at(port, context) == "second"


@pytest.mark.parametrize("content", [b"", b"half of a certificate", None])
async def test_files_that_cannot_be_read_again_leave_what_was_read_before(
    port: int, tmp_path: Path, content: bytes | None
) -> None:
    file, trusted = tmp_path / "ours.pem", write_authority(tmp_path / "authority.pem", AUTHORITY)
    write_certificate(file, AUTHORITY, "first")
    given = {"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_CERTFILE": str(file), "KAFKA_SSL_CAFILE": str(trusted)}
    context = KafkaContext.of(load(given))

    file.unlink() if content is None else file.write_bytes(content)

    assert await name_at(port, context) == "first"
    write_certificate(file, AUTHORITY, "third")
    assert await name_at(port, context) == "third"
