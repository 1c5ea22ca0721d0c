"""Server-sent events: answers that go on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Coroutine
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
MOST_STREAMS: Final = 100
UNREAD: Final = 5.0  # seconds for which what is sent may wait for its reader

log = logging.getLogger("geartrain.web")


def event(kind: str, fields: object, identity: str = "") -> bytes:
    """An event as it is sent."""
    named = f"id: {identity}\n" if identity else ""
    return f"event: {kind}\n{named}data: ".encode() + encoded(fields) + b"\n\n"


class EventStream:
    """An answer of events, which ends when they do, the caller hangs up, or ``stopping`` is set, if it is given.

    It also ends where the caller does not read for ``UNREAD`` seconds. One with ``stopping`` goes on without end:
    there are ``MOST_STREAMS`` of those at most, and who asks for one more hears 503.
    """

    endless = 0  # of all that are under way in this process

    def __init__(self, events: AsyncGenerator[bytes], stopping: asyncio.Event | None = None) -> None:
        self.events = events
        self.is_endless = stopping is not None
        self.stopping = stopping or asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self.is_endless:
            return await self.run(scope, receive, send)
        if EventStream.endless >= MOST_STREAMS:
            await self.events.aclose()
            full = Problem(503, f"{MOST_STREAMS} streams are open, as many as there may be")
            return await told(full)(scope, receive, send)
        EventStream.endless += 1
        try:
            await self.run(scope, receive, send)
        finally:
            EventStream.endless -= 1

    async def run(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events."""
        headers = [(b"content-type", EVENTS.encode()), (b"x-accel-buffering", b"no")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if scope["method"] != "HEAD":
            try:
                await first_of(self.pump(send), gone(receive), self.stopping.wait())
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
