"""Proxy: the network between two parts, in which bytes can be late, connections be reset, and everything vanish."""

import asyncio
import random
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress

import uvloop

CHUNK = 65_536


class Loop:
    """An event loop in a thread of its own: what runs on it does not stop while the test does something."""

    def __init__(self) -> None:
        self.loop = uvloop.new_event_loop()
        self.servers: list[asyncio.Server] = []
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def call(self, function: Callable[[], None]) -> None:
        """Run a function there, and wait for its end."""
        done: Future[None] = Future()

        def run() -> None:
            function()
            done.set_result(None)

        self.loop.call_soon_threadsafe(run)
        done.result(30)

    def stop(self) -> None:
        async def cancel_all() -> None:
            for server in self.servers:
                server.close()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(cancel_all(), self.loop).result(30)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()


class Proxy:
    """Passes TCP connections at ``port`` of loopback on to the port ``to``. Start it on the loop it is given."""

    def __init__(self, loop: Loop, port: int, to: int) -> None:
        self.port = port
        self.to = to
        self._loop = loop
        self._delay = 0.0
        self._open = asyncio.Event()
        self._pairs: set[Pair] = set()

    def start(self) -> None:
        async def begin() -> None:
            self._open.set()
            self._loop.servers.append(await asyncio.start_server(self._accept, "127.0.0.1", self.port))

        asyncio.run_coroutine_threadsafe(begin(), self._loop.loop).result(30)

    def delay(self, seconds: float) -> None:
        """Let every chunk of bytes be late, by up to ``seconds``; 0 ends it."""
        self._delay = seconds

    def reset(self) -> None:
        """Break every connection, with a TCP reset to both sides."""

        def abort_all() -> None:
            for pair in list(self._pairs):
                pair.abort()

        self._loop.call(abort_all)

    def vanish(self) -> None:
        """Pass nothing on, answer nothing, close nothing."""
        self._loop.call(self._open.clear)

    def come_back(self, *, remember: bool) -> None:
        """Pass bytes on again; of old connections only if they are remembered. The others stay silent for ever."""

        def begin() -> None:
            if not remember:
                for pair in self._pairs:
                    pair.forgotten = True
            self._open.set()

        self._loop.call(begin)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pair = Pair([writer], asyncio.current_task())
        self._pairs.add(pair)
        try:
            await self._open.wait()
            if pair.forgotten:
                await asyncio.Event().wait()
            upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", self.to)
            pair.writers.append(upstream_writer)
            ways = {
                asyncio.create_task(self._pass_on(pair, reader, upstream_writer)),
                asyncio.create_task(self._pass_on(pair, upstream_reader, writer)),
            }
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._pairs.discard(pair)
            pair.abort()

    async def _pass_on(self, pair: "Pair", reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK):
                if self._delay:
                    await asyncio.sleep(self._delay * random.random())
                await self._open.wait()
                if pair.forgotten:
                    await asyncio.Event().wait()
                writer.write(data)
                await writer.drain()


class Pair:
    """The two ends of a connection, and the task that serves them: nothing else holds one that waits for ever."""

    def __init__(self, writers: list[asyncio.StreamWriter], task: "asyncio.Task[None] | None") -> None:
        self.writers = writers
        self.task = task
        self.forgotten = False

    def abort(self) -> None:
        for writer in self.writers:
            writer.transport.abort()
