"""What the web application wants of the job server it belongs to."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from geartrain.errors import GearmanError
from geartrain.protocol.admin import Query
from geartrain.web.readings import Readings

if TYPE_CHECKING:
    from geartrain.web.live import Live
    from geartrain.web.sampler import Sampler

Answer = TypeVar("Answer")


class Inside(Protocol):
    """A connection to the job server, as ``server/inside.py`` has it: one for each request, as long as that takes."""

    def say(self, chunk: bytes) -> None:
        """Say packets or text."""

    async def hear(self) -> bytes:
        """The next bytes of the server; raises ConnectionLost when it has parted."""

    async def ask(self, query: Query[Answer]) -> Answer:
        """The answer to a text command; raises ServerError where it is refused. Not while packets may come."""

    async def ask_all(self, queries: Sequence[Query[Answer]]) -> list[Answer | GearmanError]:
        """The answers to text commands that are asked at once, or why one was refused."""

    def close(self) -> None:
        """Hang up: nobody waits for its foreground jobs any more."""


class Surroundings(NamedTuple):
    """The job server as the web application sees it."""

    admit: Callable[[bytes], Inside]  # by the host that asks, as ``peers`` shows it
    connections: Callable[[], int]  # connections to the job server
    names: frozenset[str]  # of hosts by which browsers may call this server, beside addresses
    prefix: str  # of all paths; empty, or "/" and a path without a slash at its end
    max_workload: int  # bytes
    max_output: int  # bytes that may wait for somebody
    readings: Readings
    sampler: Sampler
    live: Live
    metrics_functions: int  # that have metrics of their own
    stopping: asyncio.Event  # set when the server stops: streams end
    log: logging.Logger
