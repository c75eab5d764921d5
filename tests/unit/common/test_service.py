"""Serving: on which addresses a process listens, and what it says of one that it cannot have."""

import asyncio
import socket

import pytest
from prometheus_client import CollectorRegistry

from consumer.common.errors import Fatal
from consumer.common.service import admin_app, serving
from deploy.local.waiting import free_port

APP = admin_app(live=list, ready=list, metrics=CollectorRegistry())


async def status(host: str, port: int) -> bytes:
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(b"GET /health/live HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return answer[:12]


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("host", ["::", "0:0:0:0:0:0:0:0"])
async def test_the_unspecified_address_of_ipv6_serves_both_families(host: str, address: str) -> None:
    port = free_port()

    async with serving(APP, host, port):
        assert await status(address, port) == b"HTTP/1.1 200"


@pytest.mark.parametrize(("host", "other"), [("::1", "127.0.0.1"), ("0.0.0.0", "::1")])  # noqa: S104 - said on purpose
async def test_another_address_serves_its_own_family_only(host: str, other: str) -> None:
    port = free_port()

    async with serving(APP, host, port):
        with pytest.raises(OSError, match=r"refused|Connect call failed"):
            await status(other, port)


@pytest.mark.parametrize("host", ["[::]", "::g", "1:2", "no-such-host.invalid", "192.0.2.1"])
async def test_an_address_that_cannot_be_had_is_named(host: str) -> None:
    with pytest.raises(Fatal) as refused:
        async with serving(APP, host, free_port()):
            pass

    assert host in str(refused.value)


async def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(Fatal, match=f"127.0.0.1:{port}: Address already in use"):
            async with serving(APP, "127.0.0.1", port):
                pass
