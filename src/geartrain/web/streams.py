"""Server-sent events: answers that go on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing, suppress
from typing import Final, TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send

from geartrain.web.answers import EVENTS, encoded, told
from geartrain.web.problems import Problem

Result = TypeVar("Result")

PULSE: Final = (
    15.0  # seconds of silence after which something is sent, so that who listens knows that we are there
)
HEARTBEAT: Final = b":\n\n"
UNREAD: Final = 5.0  # seconds for which what is sent may wait for its reader

log = logging.getLogger("geartrain.web")


def event(kind: str, fields: object, identity: str = "") -> bytes:
    """An event as it is sent."""
    named = f"id: {identity}\n" if identity else ""
    return f"event: {kind}\n{named}data: ".encode() + encoded(fields) + b"\n\n"


class Streams:
    """The answers that go on without end."""

    def __init__(self, most: int, stopping: asyncio.Event) -> None:
        self.most = most  # at a time; 0 for no limit
        self.stopping = stopping  # set when the server stops: they end
        self.open = 0


class EventStream:
    """An answer of events, which ends when they do, and when the caller hangs up.

    It also ends where the caller does not read for ``UNREAD`` seconds. One of ``streams`` goes on without end: it ends
    when the server stops, and who asks for more of them than there may be hears 503. ``leave`` is called at its end.
    """

    def __init__(
        self,
        events: AsyncGenerator[bytes],
        streams: Streams | None = None,
        leave: Callable[[], None] | None = None,
    ) -> None:
        self.events = events
        self.streams = streams or Streams(0, asyncio.Event())
        self.leave = leave

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        streams = self.streams
        try:
            if 0 < streams.most <= streams.open:
                await self.events.aclose()
                full = Problem(503, f"{streams.most} streams are open, as many as --http-streams lets be")
                return await told(full)(scope, receive, send)
            streams.open += 1
            try:
                await self.run(scope, receive, send)
            finally:
                streams.open -= 1
        finally:
            if self.leave is not None:
                self.leave()

    async def run(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events."""
        headers = [(b"content-type", EVENTS.encode()), (b"x-accel-buffering", b"no")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if scope["method"] != "HEAD":
            try:
                await first_of(self.pump(send), gone(receive), self.streams.stopping.wait())
            except TimeoutError:
                return log.warning("a stream ends: its reader has not read for %g s", UNREAD)
        await send({"type": "http.response.body", "body": b""})

    async def pump(self, send: Send) -> None:
        async with aclosing(self.events) as events:
            async for chunk in events:
                async with asyncio.timeout(UNREAD):
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})


async def gone(receive: Receive) -> None:
    """Wait until the caller has hung up."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def first_of(*ways: Coroutine[None, None, object]) -> None:
    """Wait for one of several things, and leave the others; raises what ended the first."""
    tasks = [asyncio.create_task(way) for way in ways]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def unless_gone(request: Request, work: Coroutine[None, None, Result]) -> Result:
    """What comes of some work; raises ClientDisconnect, and leaves it, where the caller hangs up before."""
    results: list[Result] = []

    async def keep() -> None:
        results.append(await work)

    await first_of(keep(), gone(request.receive))
    if not results:
        raise ClientDisconnect
    return results[0]
