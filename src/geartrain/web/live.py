"""Live: one look a second for all pages that are open, and none while none is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Final

from geartrain.errors import GearmanError
from geartrain.protocol.admin import json_lines
from geartrain.web.answers import encoded
from geartrain.web.looks import function_pages
from geartrain.web.ports import Inside
from geartrain.web.streams import HEARTBEAT, PULSE

HOST: Final = b"live"  # where its connections are from, in lists
PERIOD: Final = 1.0  # seconds between two looks
FUNCTIONS_A_SECOND: Final = 500  # at most, on average: with more functions there are fewer looks

Sees = Callable[[str], bool]  # whether somebody may see a function


class Snapshot:
    """The functions and the server at a moment, encoded."""

    def __init__(self, at: float, functions: Sequence[tuple[str, bytes]], server: bytes) -> None:
        self.at = at
        self.functions = functions  # name and row
        self.server = server
        self.whole = b""  # the event for who sees everything; empty before somebody wants it

    def told(self, sees: Sees | None) -> bytes:
        """The event for somebody; None sees everything."""
        if sees is not None:
            return self.event([row for name, row in self.functions if sees(name)])
        if not self.whole:
            self.whole = self.event([row for _, row in self.functions])
        return self.whole

    def event(self, rows: Sequence[bytes]) -> bytes:
        fields = b'{"at":%s,"functions":[%s],"server":%s}' % (encoded(self.at), b",".join(rows), self.server)
        return b"event: snapshot\ndata: " + fields + b"\n\n"


class Live:
    """Gives the same snapshots to whoever listens. Who is slow misses some, and hears the latest."""

    def __init__(self, admit: Callable[[bytes], Inside]) -> None:
        self.admit = admit
        self.listeners = 0
        self.looks = 0  # so far
        self.last: Snapshot | None = None  # None while nobody listens
        self.coming: asyncio.Future[Snapshot] | None = None  # the next one; None while nobody waits for it
        self.task: asyncio.Task[None] | None = None  # None while nobody listens

    async def events(self, sees: Sees | None = None) -> AsyncGenerator[bytes]:
        """A snapshot at once, and then one a second."""
        self.listeners += 1
        if self.task is None:
            self.task = asyncio.create_task(self.run())
        try:
            if self.last is not None:
                yield self.last.told(sees)
            while True:
                try:
                    async with asyncio.timeout(PULSE):
                        snapshot = await self.next()
                except TimeoutError:
                    yield HEARTBEAT
                else:
                    yield snapshot.told(sees)
        finally:
            self.listeners -= 1
            if not self.listeners:
                self.stop()

    async def next(self) -> Snapshot:
        """The snapshot that comes next."""
        if self.coming is None:
            self.coming = asyncio.get_running_loop().create_future()
        return await asyncio.shield(self.coming)

    def stop(self) -> None:
        """Look no more."""
        if self.task is not None:
            self.task.cancel()
            self.task = None
        self.last = None

    async def run(self) -> None:
        """Look as long as somebody listens."""
        while True:
            snapshot = await self.look()
            if snapshot is not None:
                self.last = snapshot
                coming, self.coming = self.coming, None
                if coming is not None and not coming.done():
                    coming.set_result(snapshot)
            seen = 0 if snapshot is None else len(snapshot.functions)
            await asyncio.sleep(max(PERIOD, seen / FUNCTIONS_A_SECOND))

    async def look(self) -> Snapshot | None:
        """What there is now; None where it cannot be had."""
        self.looks += 1
        inside = self.admit(HOST)
        try:
            (server,) = await inside.ask(json_lines(("stats",)))
            functions = [
                (str(row["function"]), encoded(row)) async for rows in function_pages(inside) for row in rows
            ]
        except GearmanError:
            return None
        finally:
            inside.close()
        return Snapshot(time.time(), functions, encoded(server))
