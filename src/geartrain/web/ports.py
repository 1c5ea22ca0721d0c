"""What the web application wants of the job server it belongs to."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from geartrain.errors import GearmanError
from geartrain.protocol.admin import Query
from geartrain.web.readings import Readings

if TYPE_CHECKING:
    from geartrain.web.feeds import Feeds
    from geartrain.web.live import Live
    from geartrain.web.sampler import Sampler
    from geartrain.web.streams import Streams

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


class Identity(NamedTuple):
    """Who asks."""

    host: str  # the address, as ``peers`` shows it
    listener: str = ""  # where the request came in, as an option has it
    certificates: tuple[str, ...] = ()  # names in the certificate that was shown and verified
    digest: bytes = b""  # of the token that was shown and is somebody's; empty without one


class Keeper(Protocol):
    """Who may do what."""

    def admit(self, identity: Identity) -> Inside:
        """A connection to the job server, with their rights; raises QueueFull where there are enough."""

    def guards(self) -> bool:
        """Whether there are rules at all."""

    def listener(self, address: object) -> str:
        """Where a request came in, by the socket's name for the address that it came to."""

    def digest(self, identity: Identity, token: str) -> bytes:
        """What is kept of a token that is somebody's; empty for another one, which the audit log hears of."""

    def logged_in(self, identity: Identity) -> None:
        """Tell the audit log that somebody began a session."""

    def rights(self, identity: Identity) -> dict[str, list[str]]:
        """For each right, the functions for which they have it."""

    def may_view(self, identity: Identity) -> bool:
        """Whether they may view anything."""

    def sees(self, identity: Identity) -> Callable[[str], bool] | None:
        """Whether they may view a function; None where they may view all."""


class Surroundings(NamedTuple):
    """The job server as the web application sees it."""

    keeper: Keeper
    connections: Callable[[], int]  # connections to the job server
    names: frozenset[str]  # of hosts by which browsers may call this server, beside addresses
    prefix: str  # of all paths; empty, or "/" and a path without a slash at its end
    max_workload: int  # bytes
    max_output: int  # bytes that may wait for somebody
    readings: Readings
    sampler: Sampler
    live: Live
    metrics_functions: int  # that have metrics of their own
    streams: Streams
    feeds: Feeds
    log: logging.Logger
