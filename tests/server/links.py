"""Raw connections to a running server, and servers on either event loop."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from geartrain.protocol.commands import CAN_DO, GRAB_JOB, JOB_ASSIGN, JOB_CREATED, NO_JOB, NOOP, PRE_SLEEP
from geartrain.protocol.packet import HEADER_SIZE, request
from tests.support.machine import DEADLINE
from tests.support.processes import GeartrainProgram, ServerProgram, geartrain_server
from tests.wire import Packet, packets

LOOPS = ("uvloop", "asyncio")
WITHOUT_UVLOOP = (
    "import sys; sys.modules['uvloop'] = None; from geartrain.cli.main import main; sys.exit(main())"
)


class Link:
    """A connection that says and hears packets; whatever takes too long fails."""

    def __init__(self, endpoint: socket.socket) -> None:
        self.endpoint = endpoint
        endpoint.settimeout(DEADLINE)

    def sends(self, chunk: bytes) -> None:
        """Send any bytes."""
        self.endpoint.sendall(chunk)

    def says(self, command: int, *arguments: bytes) -> None:
        """Send a request packet."""
        self.sends(request(command, *arguments))

    def read(self, size: int) -> bytes:
        """Exactly so many bytes."""
        parts = []
        while size:
            part = self.endpoint.recv(min(size, 1024 * 1024))
            assert part, f"the server closed, {size} bytes were expected"
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def hears(self) -> Packet:
        """The next packet."""
        header = self.read(HEADER_SIZE)
        return packets(header + self.read(int.from_bytes(header[8:], "big")))[0]

    def hears_line(self) -> bytes:
        """The next line of text."""
        line = b""
        while not line.endswith(b"\n"):
            line += self.read(1)
        return line

    def asks(self, command: int, *arguments: bytes) -> Packet:
        """Send a request packet, and the packet that comes next."""
        self.says(command, *arguments)
        return self.hears()

    def rest(self) -> bytes:
        """Everything that comes until the server closes."""
        received = b""
        while part := self.endpoint.recv(65536):
            received += part
        return received

    def is_closed(self) -> bool:
        """Whether the server has closed the connection, and all that came before was read."""
        self.endpoint.setblocking(False)
        try:
            return not self.endpoint.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except ConnectionError:
            return True
        finally:
            self.endpoint.settimeout(DEADLINE)

    def submits(self, command: int, function: bytes, workload: bytes = b"") -> bytes:
        """Submit a job of its own and give its handle."""
        created, *handle = self.asks(command, function, b"", workload)
        assert created == JOB_CREATED, handle
        return handle[0]

    def grabs(self, *functions: bytes) -> list[bytes]:
        """Take a job of one of the functions: its handle, function and workload; fail when there is none."""
        for function in functions:
            self.says(CAN_DO, function)
        assigned, *job = self.asks(GRAB_JOB)
        assert assigned == JOB_ASSIGN, assigned
        return job

    def waits_for_a_job(self) -> list[bytes]:
        """Take a job as workers do: sleep, and grab again when woken, until there is one."""
        while (heard := self.asks(GRAB_JOB)) == (NO_JOB,):
            self.says(PRE_SLEEP)
            assert self.hears() == (NOOP,)
        assigned, *job = heard
        assert assigned == JOB_ASSIGN, assigned
        return job

    def sleeps(self, *functions: bytes) -> None:
        """Be a worker that waits for jobs, by the time this returns."""
        for function in functions:
            self.says(CAN_DO, function)
        self.says(PRE_SLEEP)
        self.knows_that_server_has_heard()

    def knows_that_server_has_heard(self) -> None:
        """Wait until the server has taken everything that was sent."""
        self.sends(b"version\n")
        assert self.hears_line().startswith(b"OK ")

    def leaves(self) -> None:
        """Close the connection."""
        self.endpoint.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leaves()


Connect = Callable[[], Link]


@contextmanager
def links_to(server: ServerProgram) -> Iterator[Connect]:
    """Something to connect to the server with; the connections end with the block."""
    with ExitStack() as links:
        yield lambda: links.enter_context(Link(server.connect()))


def server_on(loop: str, *options: str) -> ServerProgram:
    """Our server on one of ``LOOPS``."""
    if loop == "uvloop":
        return geartrain_server(*options)
    return GeartrainProgram(*options, python=("-c", WITHOUT_UVLOOP))


@contextmanager
def held(server: ServerProgram) -> Iterator[None]:
    """Hold the server still: all that is sent to it in the meantime it finds at once."""
    server.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        server.process.send_signal(signal.SIGCONT)


def queue_of(server: ServerProgram, function: str) -> list[int]:
    """How many jobs of a function are there, how many of them run, and how many workers it has."""
    for line in server.ask("status").splitlines():
        name, _, numbers = line.partition("\t")
        if name == function:
            return [int(number) for number in numbers.split("\t")]
    return []


def peers_seen_by(link: Link) -> int:
    """How many connections there are, the link's own included."""
    link.sends(b"workers\n")
    peers = 0
    while link.hears_line() != b".\n":
        peers += 1
    return peers


def memory_of(server: ServerProgram) -> int:
    """The most bytes of memory that the server has had so far."""
    for line in Path(f"/proc/{server.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("the system does not say")


def ticks_of(server: ServerProgram) -> int:
    """The processor time that the server has used, in the system's hundredths of a second."""
    words = Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()
    return int(words[11]) + int(words[12])


def pause(seconds: float) -> None:
    """Let a moment pass in which nothing is to happen."""
    time.sleep(seconds)
