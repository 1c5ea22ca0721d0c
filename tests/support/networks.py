"""Networks that are neither up nor down: a proxy that stalls, slows down, cuts one direction, and lets go again."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final, NamedTuple

from tests.support.machine import HOST, free_port

CHUNK: Final = 65536
PAUSE: Final = 0.005  # seconds between two looks, and between two pieces where it is slow


class Weather(NamedTuple):
    """What the proxy lets through: bytes at once in each direction, 0 for nothing; new connections wait, too."""

    there: int = CHUNK
    back: int = CHUNK


FINE: Final = Weather()
STALLED: Final = Weather(0, 0)
SLOW: Final = Weather(7, 7)  # bytes at a time
DEAF: Final = Weather(0, CHUNK)
MUTE: Final = Weather(CHUNK, 0)
BAD: Final = (STALLED, SLOW, DEAF, MUTE)


class Proxy:
    """Passes connections on to a port, as the weather lets it. It runs in a thread of its own."""

    def __init__(self, target: int, port: int | None = None) -> None:
        self.target = target
        self.port = port or free_port()
        self.weather = FINE  # set from any thread
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_until_complete, args=(self.serve(),))
        self.listening = threading.Event()
        self.over = asyncio.Event()

    async def serve(self) -> None:
        async with asyncio.TaskGroup() as self.connections:
            server = await asyncio.start_server(self.accept, HOST, self.port)
            self.listening.set()
            await self.over.wait()
            server.close()
            for task in self.tasks():
                task.cancel()

    def tasks(self) -> list[asyncio.Task[object]]:
        """All that goes on but for the proxy itself."""
        return [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass a connection on until one of its ends is gone."""
        with suppress(OSError, asyncio.CancelledError):
            there, back = await asyncio.open_connection(HOST, self.target)
            ways = [
                asyncio.create_task(self.pass_on(reader, back, 0)),
                asyncio.create_task(self.pass_on(there, writer, 1)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                back.transport.abort()
        writer.transport.abort()

    async def pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: int) -> None:
        """Pass on what comes, as the weather lets it."""
        with suppress(OSError):
            while chunk := await reader.read(CHUNK):
                while chunk:
                    size = self.weather[way]
                    writer.write(chunk[:size])
                    chunk = chunk[size:]
                    if size < CHUNK:
                        await asyncio.sleep(PAUSE)
                await writer.drain()


@contextmanager
def proxy(target: int) -> Iterator[Proxy]:
    """A proxy that ends with the block."""
    one = Proxy(target)
    one.thread.start()
    one.listening.wait()
    try:
        yield one
    finally:
        one.loop.call_soon_threadsafe(one.over.set)
        one.thread.join()
        one.loop.close()
