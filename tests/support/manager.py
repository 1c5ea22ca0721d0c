"""A service manager, as far as a server knows one: a socket to notify, and sockets that it keeps for the server."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.machine import DEADLINE, HOST, wait_until
from tests.support.processes import ServerProgram

FIRST = 3  # where a service finds the sockets
HIGH = 200  # where they are out of the way of each other
SERVICE = f"""
import fcntl, os, sys
passed = [int(number) for number in os.environ.pop("PASSED").split()]
for place, number in enumerate([fcntl.fcntl(number, fcntl.F_DUPFD, {HIGH}) for number in passed], {FIRST}):
    os.dup2(number, place)
    os.close(number)
os.environ["LISTEN_PID"] = str(os.getpid())
from geartrain.cli.main import main
main()
"""


class Manager:
    """Starts servers, hears what they say of themselves, and keeps their listening sockets."""

    def __init__(self, folder: Path, *, abstract: bool = False) -> None:
        self.address = f"@geartrain-{os.getpid()}" if abstract else str(folder / "notify")
        self.endpoint = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.endpoint.bind(f"\0{self.address[1:]}" if abstract else self.address)
        self.endpoint.settimeout(DEADLINE)
        self.folder = folder

    def environment(self, **more: str) -> dict[str, str]:
        """What a service finds in its environment."""
        return {"NOTIFY_SOCKET": self.address, "STATE_DIRECTORY": str(self.folder), **more}

    def hears(self) -> dict[str, str]:
        """The next message, as its fields."""
        return dict(line.split("=", 1) for line in self.endpoint.recv(65536).decode().splitlines())

    def waits_for(self, field: str) -> dict[str, str]:
        """The next message that has a field."""
        for message in iter(self.hears, None):
            if field in message:
                return message
        raise AssertionError

    def hears_nothing(self, seconds: float) -> bool:
        """Whether the server is silent for so long, after what it has said already."""
        self.endpoint.setblocking(False)
        try:
            while self.endpoint.recv(65536):
                pass
        except BlockingIOError:
            pass
        self.endpoint.settimeout(seconds)
        try:
            return not self.endpoint.recv(65536)
        except TimeoutError:
            return True
        finally:
            self.endpoint.settimeout(DEADLINE)

    def starts(
        self,
        *options: str,
        passed: Sequence[tuple[str, socket.socket]] = (),
        environment: Mapping[str, str] | None = None,
    ) -> ServerProgram:
        """A server that is ready, with sockets by their names; it listens on the first of them."""
        numbers = [endpoint.fileno() for _, endpoint in passed]
        given = {
            "PASSED": " ".join(map(str, numbers)),
            "LISTEN_FDS": str(len(passed)),
            "LISTEN_FDNAMES": ":".join(name for name, _ in passed),
            **(environment or {}),
        }
        port = passed[0][1].getsockname()[1]
        program = ServerProgram(
            sys.executable,
            "-c",
            SERVICE,
            "server",
            *options,
            port=port,
            environment=self.environment(**given),
            descriptors=numbers,
        )
        wait_until(lambda: "listening" in program.output() or not program.running(), "the server listens")
        return program

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.endpoint.close()


@contextmanager
def listening(*names: str) -> Iterator[list[tuple[str, socket.socket]]]:
    """Sockets to pass, each on a free port of loopback."""
    with ExitStack() as stack:
        yield [(name, stack.enter_context(socket.create_server((HOST, 0)))) for name in names]
