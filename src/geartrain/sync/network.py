"""How the blocking shell reaches servers: over sockets, or another way that a test puts in its place."""

from __future__ import annotations

import select
import time
from collections.abc import Iterable, Sized
from typing import Final, Protocol

from geartrain.protocol.servers import Server
from geartrain.sync.link import Link, milliseconds


class AnyLink(Protocol):
    """A connection; see ``Link`` for what the caller may rely on."""

    server: Server

    @property
    def unsent(self) -> Sized: ...

    def send(self, packets: bytes) -> None: ...

    def drain(self, deadline: float | None) -> None: ...

    def receive(self, deadline: float | None) -> bytes: ...

    def limit_silence(self, seconds: int) -> None: ...

    def fileno(self) -> int: ...

    def close(self) -> None: ...


class Network(Protocol):
    """Where servers are, and what time it is there."""

    def connect(self, server: Server, timeout: float) -> AnyLink:
        """A new connection; raises ConnectError after ``timeout`` seconds or at once."""
        ...

    def poll(self, descriptors: Iterable[int], until: float) -> set[int]:
        """Those that have something to read, if there are any before ``until`` (of the monotonic clock)."""
        ...

    def time(self) -> float:
        """Unix time."""
        ...


class Sockets:
    """The real network, and the real time."""

    def connect(self, server: Server, timeout: float) -> AnyLink:
        """A new connection; raises ConnectError after ``timeout`` seconds or at once."""
        return Link(server, timeout)

    def poll(self, descriptors: Iterable[int], until: float) -> set[int]:
        """Those that have something to read, if there are any before ``until`` (of the monotonic clock)."""
        poll = select.poll()
        for descriptor in descriptors:
            poll.register(descriptor, select.POLLIN)
        return {descriptor for descriptor, _ in poll.poll(milliseconds(until))}

    def time(self) -> float:
        """Unix time."""
        return time.time()


SOCKETS: Final = Sockets()
