"""How the blocking shell reaches servers: over sockets, or another way that a test puts in its place."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sized
from typing import Protocol

from geartrain.errors import ConnectError, ConnectionLost, JobTimeout, PermissionDenied, ProtocolError
from geartrain.protocol.greeting import Greeting
from geartrain.protocol.servers import Server
from geartrain.sockets import READABLE, WRITABLE, poll
from geartrain.sync.link import Link, milliseconds
from geartrain.sync.tls_link import TlsLink
from geartrain.tls import TLS, Speech


class AnyLink(Protocol):
    """A connection; see ``Link`` for what the caller may rely on."""

    server: Server
    arrived: list[bytes]

    @property
    def unsent(self) -> Sized: ...

    def send(self, packets: bytes) -> None: ...

    def drain(self, deadline: float | None) -> None: ...

    def receive(self, deadline: float | None) -> bytes: ...

    def is_torn(self) -> bool: ...

    def readable(self) -> bool: ...

    def limit_silence(self, seconds: int) -> None: ...

    def fileno(self) -> int: ...

    def hang_up(self) -> None: ...

    def close(self) -> None: ...


class Network(Protocol):
    """Where servers are, and what time it is there."""

    def connect(self, server: Server, timeout: float) -> AnyLink:
        """A new connection; raises ConnectError after ``timeout`` seconds or at once."""
        ...

    def poll(self, events: Mapping[int, int], deadline: float | None) -> set[int]:
        """Wait for events of ``poll`` by descriptor: those that happened, none when the deadline passes."""
        ...

    def time(self) -> float:
        """Unix time."""
        ...

    def sleep(self, seconds: float, deadline: float | None) -> None:
        """Wait before the same question is asked again, not beyond the deadline."""
        ...


class Sockets:
    """The real network, and the real time.

    ``tls`` is how TLS is spoken, with every server where it is not None; ``token`` is said to each, unless it is empty.
    """

    def __init__(self, tls: Speech = None, token: str = "") -> None:
        if isinstance(tls, TLS):
            tls.context()  # what is wrong with its files is to be known at once
        self.tls = tls
        self.token = token

    def connect(self, server: Server, timeout: float) -> AnyLink:
        """A new connection; raises ConnectError in ``timeout`` seconds or at once, PermissionDenied for the token."""
        link: Link
        if server.tls or (self.tls is not None and not server.path):
            link = TlsLink(server, timeout, self.tls)
        else:
            link = Link(server, timeout)
        if self.token:
            greet(link, Greeting(server.name, self.token), timeout)
        return link

    def poll(self, events: Mapping[int, int], deadline: float | None) -> set[int]:
        """Wait for events of ``poll`` by descriptor: those that happened, none when the deadline passes."""
        return {descriptor for descriptor, _ in poll(events, milliseconds(deadline))}

    def time(self) -> float:
        """Unix time."""
        return time.time()

    def sleep(self, seconds: float, deadline: float | None) -> None:
        """Wait before the same question is asked again, not beyond the deadline."""
        if deadline is not None:
            seconds = min(seconds, max(0.0, deadline - time.monotonic()))
        time.sleep(seconds)


def greet(link: AnyLink, greeting: Greeting, timeout: float) -> None:
    """Say a token, and hear that it is good; raises like ``Sockets.connect``."""
    deadline = time.monotonic() + timeout
    try:
        link.send(greeting.packet)
        while not greeting.done:
            greeting.receive(link.receive(deadline))
            link.arrived.clear()
    except (ConnectionLost, JobTimeout, ProtocolError) as error:
        link.close()
        raise ConnectError(f"cannot connect to {greeting.name}: {error}", server=greeting.name) from error
    except PermissionDenied:
        link.close()
        raise


def wait_for_any(network: Network, links: Iterable[AnyLink], deadline: float | None) -> set[AnyLink]:
    """The links that can be read from, or written on; none when the deadline passes."""
    by_descriptor = {link.fileno(): link for link in links}
    if -1 in by_descriptor:  # another thread has closed it
        return {by_descriptor[-1]}
    events = {
        descriptor: READABLE | WRITABLE if link.unsent else READABLE
        for descriptor, link in by_descriptor.items()
    }
    return {by_descriptor[descriptor] for descriptor in network.poll(events, deadline)}
