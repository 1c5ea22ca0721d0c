"""One blocking connection to a server."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
import time
from collections import deque
from typing import Final
from weakref import WeakSet

from geartrain.errors import ConnectError, ConnectionLost, JobTimeout
from geartrain.protocol.servers import Server
from geartrain.sockets import DONT_WAIT, READABLE, WRITABLE, poll, set_options

RECEIVE_SIZE: Final = 65536
RECEIVE_SIZES: Final = (RECEIVE_SIZE,)


def connect(server: Server, timeout: float) -> socket.socket:
    """A connected socket; raises ConnectError after ``timeout`` seconds or at once."""
    if server.path and not hasattr(socket, "AF_UNIX"):
        raise ConnectError(f"cannot connect to {server.name}: no Unix sockets here", server=server.name)
    try:
        if server.path:
            connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connected.settimeout(timeout)
            connected.connect(server.path)
        else:
            connected = socket.create_connection((server.host, server.port), timeout)
            set_options(connected)
    except OSError as error:
        raise ConnectError(f"cannot connect to {server.name}: {error}", server=server.name) from error
    connected.settimeout(None)
    return connected


LINKS: WeakSet[Link] = WeakSet()


class Link:
    """A connection that does not block while it writes, and blocks for bytes only as long as it may.

    Any thread may send; one thread at a time may receive.
    """

    def __init__(self, server: Server, timeout: float) -> None:
        self.server = server
        self.socket = connect(server, timeout)
        self.sending = threading.Lock()
        self.unsent: deque[memoryview] = deque()  # what the socket did not take yet
        self.writing = False  # a thread writes, or was interrupted while it wrote
        self.arrived: list[bytes] = []  # what was received, until its taker clears it
        LINKS.add(self)

    def send(self, packets: bytes) -> None:
        """Write as much as the socket takes now; ``receive`` and ``drain`` write the rest. Raises ConnectionLost."""
        with self.sending:
            if self.writing:
                self.begin_writing()
            self.writing = True
            sent = 0 if self.unsent else self.write(packets)
            if sent < len(packets):
                self.unsent.append(memoryview(packets)[sent:])
            self.writing = False

    def begin_writing(self) -> None:
        """Note that bytes may be half written from now on; raises ConnectionLost where they are already."""
        if self.writing:
            name = self.server.name
            raise ConnectionLost(f"a call was interrupted while it wrote to {name}", server=name)
        self.writing = True

    def is_torn(self) -> bool:
        """Whether bytes may be lost now that a call was interrupted; for the thread that receives."""
        return self.writing or bool(self.arrived)

    def write(self, packets: bytes | memoryview) -> int:
        """How many bytes the socket took."""
        try:
            return self.socket.send(packets, DONT_WAIT)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise self.lost(error) from error

    def write_unsent(self) -> None:
        """Write on, as far as the socket takes it."""
        with self.sending:
            self.begin_writing()
            while self.unsent:
                packets = self.unsent[0]
                sent = self.write(packets)
                if sent < len(packets):
                    self.unsent[0] = packets[sent:]
                    break
                self.unsent.popleft()
            self.writing = False

    def receive(self, deadline: float | None) -> bytes:
        """The next bytes; empty when only writing made progress.

        Raises ConnectionLost, and JobTimeout when the deadline (of the monotonic clock) passes. What it returns is in
        ``arrived`` until the caller, who has taken it, clears that.
        """
        if (self.unsent or deadline is not None) and not self.ready(READABLE, deadline):
            return b""
        try:
            # One step for Python: no handler of a signal runs between the bytes' coming and their place in the list.
            self.arrived.extend(map(self.socket.recv, RECEIVE_SIZES))
        except BlockingIOError as error:
            raise ConnectionLost(f"{self.server.name} does not answer", server=self.server.name) from error
        except OSError as error:
            raise self.lost(error) from error
        chunk = self.arrived[-1]
        if not chunk:
            raise self.lost(None)
        return chunk

    def readable(self) -> bool:
        """Whether ``receive`` would not wait."""
        descriptor = self.socket.fileno()
        return descriptor < 0 or bool(poll({descriptor: READABLE}, 0))

    def fileno(self) -> int:
        """What ``poll`` takes."""
        return self.socket.fileno()

    def limit_silence(self, seconds: int) -> None:
        """Let ``receive`` raise ConnectionLost when the server says nothing for so long."""
        if DONT_WAIT:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", seconds, 0))
        else:  # Windows has another form of the option
            self.socket.settimeout(seconds)

    def drain(self, deadline: float | None) -> None:
        """Write what is unsent; raises like ``receive``."""
        while self.unsent:
            self.ready(0, deadline)

    def ready(self, events: int, deadline: float | None) -> bool:
        """Wait for an event of ``poll``, and write on meanwhile; False when only writing made progress."""
        wanted = events | WRITABLE if self.unsent else events
        descriptor = self.socket.fileno()
        if descriptor < 0:  # another thread has closed it
            raise self.lost(None)
        happened = poll({descriptor: wanted}, milliseconds(deadline))
        if not happened:
            raise JobTimeout(f"{self.server.name} did not answer in time", server=self.server.name)
        if happened[0][1] & WRITABLE:
            self.write_unsent()
        return bool(happened[0][1] & ~WRITABLE)

    def lost(self, error: OSError | None) -> ConnectionLost:
        """The exception for the end of this connection."""
        why = error or "the server closed it"
        return ConnectionLost(f"lost the connection to {self.server.name}: {why}", server=self.server.name)

    def hang_up(self) -> None:
        """Say and hear nothing more; a thread that receives from it wakes up."""
        with contextlib.suppress(OSError):  # the other side may have been faster
            self.socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End the connection. No other thread may receive from it."""
        self.hang_up()
        self.socket.close()


def milliseconds(deadline: float | None) -> float | None:
    """What is left until a deadline, for ``poll``."""
    return None if deadline is None else max(0.0, (deadline - time.monotonic()) * 1000.0)


def leave_to_parent() -> None:
    """In a child process: let go of the parent's connections without ending them."""
    for link in LINKS:
        link.socket.close()


if hasattr(os, "register_at_fork"):  # Windows does not fork
    os.register_at_fork(after_in_child=leave_to_parent)
