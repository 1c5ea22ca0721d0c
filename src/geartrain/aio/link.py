"""One asyncio connection to a server."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from ssl import SSLError
from typing import Any, Final, Generic, Protocol, TypeVar, cast
from weakref import WeakSet

from geartrain.errors import ConnectError, ConnectionLost, GearmanError, ProtocolError, SettingsError
from geartrain.protocol.greeting import Greeting
from geartrain.protocol.servers import Server
from geartrain.sockets import set_options
from geartrain.tls import CLOSED_EARLY, Speech, context_of, name_of, reason_of

LONGEST_FAREWELL: Final = 2.0  # seconds


class Machine(Protocol):
    """A side of a connection without I/O."""

    outgoing: list[bytes]

    def take_outgoing(self) -> bytes: ...

    def receive(self, chunk: bytes) -> None: ...


AnyMachine = TypeVar("AnyMachine", bound=Machine)


LINKS: WeakSet[Link[Any]] = WeakSet()


class Link(asyncio.Protocol, Generic[AnyMachine]):
    """Bytes between a transport and a machine; what a turn of the loop has to say leaves in one write.

    ``on_news`` is called after bytes came in, ``on_lost`` once at the end.
    """

    def __init__(
        self,
        server: Server,
        machine: AnyMachine,
        on_news: Callable[[], object] | None,
        on_lost: Callable[[Link[AnyMachine], ConnectionLost], object],
    ) -> None:
        self.server = server
        self.machine = machine
        self.on_news = on_news
        self.on_lost = on_lost
        self.loop = asyncio.get_running_loop()
        self.greeting: Greeting | None = None  # None where no token is said, or its answer has come
        self.greeted: asyncio.Future[None] = self.loop.create_future()
        self.transport: asyncio.Transport | None = None  # None before the connection came about
        self.reason: Exception | str = "the server closed it"
        self.lost = asyncio.Event()
        self.flushing = False  # a flush is due at the end of this turn
        self.writable = asyncio.Event()  # the server takes what we write
        self.writable.set()
        self.writable_for_threads = threading.Event()
        self.writable_for_threads.set()
        LINKS.add(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: the connection came about."""
        self.transport = cast(asyncio.Transport, transport)
        if self.greeting is not None:
            self.transport.write(self.greeting.packet)
        self.flush()

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes came in."""
        if self.greeting is not None:
            return self.be_greeted(self.greeting, data)
        try:
            self.machine.receive(data)
        except ProtocolError as error:
            return self.abort(error)
        if self.machine.outgoing:
            self.flush_soon()
        if self.on_news:
            self.on_news()

    def be_greeted(self, greeting: Greeting, data: bytes) -> None:
        """Take the answer to the token, and begin if it is good."""
        if self.greeted.done():  # nobody waits for it any more
            return None
        try:
            greeting.receive(data)
        except GearmanError as error:
            self.greeted.set_exception(error)
            return self.abort(error)
        if greeting.done:
            self.greeting = None
            self.greeted.set_result(None)
            self.flush()

    def connection_lost(self, error: Exception | None) -> None:
        """asyncio: the connection ended."""
        if self.greeting is not None:
            if not self.greeted.done():
                self.greeted.set_exception(OSError(self.reason))
            return
        self.lost.set()
        self.resume_writing()
        name = self.server.name
        why = reason_of(error) if isinstance(error, OSError) else error or self.reason
        self.on_lost(self, ConnectionLost(f"lost the connection to {name}: {why}", server=name))

    def pause_writing(self) -> None:
        """asyncio: the server does not read."""
        self.writable.clear()
        self.writable_for_threads.clear()

    def resume_writing(self) -> None:
        """asyncio: the server reads again."""
        self.writable.set()
        self.writable_for_threads.set()

    async def send_when_writable(self, packet: bytes) -> None:
        """Have a packet written; waits while the server does not read."""
        await self.writable.wait()
        self.send(packet)

    async def wait_writable(self) -> None:
        """Wait while the server does not read; raises ConnectionLost."""
        await self.writable.wait()
        if self.lost.is_set():
            raise ConnectionLost(f"lost the connection to {self.server.name}", server=self.server.name)

    def send_from_thread(self, packet: bytes) -> None:
        """Have a packet written, from a thread; waits while the server does not read."""
        self.writable_for_threads.wait()
        self.loop.call_soon_threadsafe(self.send, packet)

    def send(self, packet: bytes) -> None:
        """Have a packet written at the end of this turn of the loop."""
        if packet:
            self.machine.outgoing.append(packet)
            self.flush_soon()

    def flush_soon(self) -> None:
        """Write what the machine has to say at the end of this turn of the loop."""
        if not self.flushing:
            self.flushing = True
            self.loop.call_soon(self.flush)

    def flush(self) -> None:
        """Write what the machine has to say."""
        self.flushing = False
        if self.greeting is not None:
            return
        if self.machine.outgoing and self.transport is not None and not self.lost.is_set():
            self.transport.write(self.machine.take_outgoing())

    def abort(self, reason: Exception | str) -> None:
        """End the connection at once."""
        self.reason = reason
        if self.transport is not None:
            self.transport.abort()

    async def close(self) -> None:
        """End the connection when all that was said is written; at once where the server does not take it."""
        self.flush()
        if self.transport is None:
            return
        self.transport.close()
        try:
            async with asyncio.timeout(LONGEST_FAREWELL):
                await self.lost.wait()
        except TimeoutError:
            self.transport.abort()
            await self.lost.wait()


async def connect(link: Link[AnyMachine], timeout: float, tls: Speech, token: str) -> None:
    """Have the link's connection come about; raises ConnectError after ``timeout`` seconds or at once.

    TLS is spoken where ``tls`` says how, or the server's address asks for it. A token is said unless it is empty;
    raises PermissionDenied where it is none of the server's.
    """
    server = link.server
    if token:
        link.greeting = Greeting(server.name, token)
    loop = asyncio.get_running_loop()
    secured: dict[str, Any] = {}
    try:
        if server.tls or (tls is not None and not server.path):
            secured = {"ssl": context_of(tls), "server_hostname": name_of(tls, server.host)}
        async with asyncio.timeout(timeout):
            if server.path:
                await loop.create_unix_connection(lambda: link, server.path)
            else:
                transport, _ = await loop.create_connection(lambda: link, server.host, server.port, **secured)
                set_options(transport.get_extra_info("socket"))
            if token:
                await link.greeted
    except TimeoutError as error:
        link.abort("it did not answer in time")
        raise ConnectError(
            f"cannot connect to {server.name}: no answer in {timeout:g} s", server=server.name
        ) from error
    except (OSError, SettingsError, ProtocolError) as error:
        why = in_handshake(error) if secured and isinstance(error, OSError) else error
        raise ConnectError(f"cannot connect to {server.name}: {why}", server=server.name) from error


def in_handshake(error: OSError) -> str:
    """Why TLS was not agreed on, or the server not even reached."""
    if isinstance(error, ConnectionRefusedError) or not isinstance(error, (ConnectionError, SSLError)):
        return str(error)
    return reason_of(error) if isinstance(error, SSLError) else CLOSED_EARLY


def leave_to_parent() -> None:
    """In a child process: let go of the parent's connections without ending them.

    The numbers of their descriptors stay taken: transports of the parent's loop would close what comes to have them.
    """
    nowhere = os.open(os.devnull, os.O_RDWR)
    for link in LINKS:
        socket = link.transport.get_extra_info("socket") if link.transport is not None else None
        if socket is not None and socket.fileno() >= 0:
            os.dup2(nowhere, socket.fileno(), inheritable=False)
    os.close(nowhere)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=leave_to_parent)
