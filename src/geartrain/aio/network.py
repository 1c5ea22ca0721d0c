"""How the asyncio shell reaches servers: over sockets, or another way that a test puts in its place."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

from geartrain.aio.link import AnyMachine, Link, connect
from geartrain.tls import TLS, Speech


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
    """The real network, and the real time.

    ``tls`` is how TLS is spoken, with every server where it is not None; ``token`` is said to each, unless it is empty.
    """

    def __init__(self, tls: Speech = None, token: str = "") -> None:
        if isinstance(tls, TLS):
            tls.context()  # what is wrong with its files is to be known at once
        self.tls = tls
        self.token = token

    async def connect(self, link: Link[AnyMachine], timeout: float) -> None:
        """Have the link's connection come about; raises ConnectError, and PermissionDenied for the token."""
        await connect(link, timeout, self.tls, self.token)

    def time(self) -> float:
        """Unix time."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Wait before the same question is asked again."""
        await asyncio.sleep(seconds)
