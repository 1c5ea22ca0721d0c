"""How the asyncio shell reaches servers: over sockets, or another way that a test puts in its place."""

from __future__ import annotations

import asyncio
import time
from typing import Final, Protocol

from geartrain.aio.link import AnyMachine, Link, connect


class AsyncNetwork(Protocol):
    """Where servers are, and what time it is there."""

    async def connect(self, link: Link[AnyMachine], timeout: float) -> None:
        """Have the link's connection come about; raises ConnectError after ``timeout`` seconds or at once."""
        ...

    def time(self) -> float:
        """Unix time."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait before the same question is asked again."""
        ...


class AsyncSockets:
    """The real network, and the real time."""

    async def connect(self, link: Link[AnyMachine], timeout: float) -> None:
        """Have the link's connection come about; raises ConnectError after ``timeout`` seconds or at once."""
        await connect(link, timeout)

    def time(self) -> float:
        """Unix time."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Wait before the same question is asked again."""
        await asyncio.sleep(seconds)


SOCKETS: Final = AsyncSockets()
