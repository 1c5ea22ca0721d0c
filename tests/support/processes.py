"""Programs as processes that end with their test."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from types import TracebackType
from typing import ClassVar, NamedTuple, Self

from tests.support.machine import DEADLINE, HOST, can_connect, free_port, require, wait_until


class Program:
    """A running program: its output is kept, and it is ended by its process id when the ``with`` block ends."""

    def __init__(
        self,
        *command: str,
        stdin: bytes = b"",
        environment: Mapping[str, str] | None = None,
        descriptors: Sequence[int] = (),
        folder: str | os.PathLike[str] | None = None,
    ) -> None:
        self.command = command
        self.log, path = tempfile.mkstemp()
        os.unlink(path)
        with tempfile.TemporaryFile() as standard_input:
            standard_input.write(stdin)
            standard_input.seek(0)
            self.process = subprocess.Popen(
                command,
                stdin=standard_input,
                stdout=self.log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
                pass_fds=descriptors,
                cwd=folder,
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    def running(self) -> bool:
        """Whether the program has not ended."""
        return self.process.poll() is None

    def written(self) -> bytes:
        """What the program has written so far, to its standard output and error."""
        # Not by seek: the program writes at the position of the same open file.
        return os.pread(self.log, os.fstat(self.log).st_size, 0)

    def output(self) -> str:
        """What the program has written so far, as text."""
        return self.written().decode("utf-8", "replace")

    def wait_for_output(self, text: str) -> None:
        """Wait until the program has written ``text``; fail when it ends before."""
        wait_until(lambda: text in self.output() or not self.running(), f"{self.command[0]} writes {text!r}")
        assert text in self.output(), f"{self.command} ended with: {self.output()}"

    def has_written(self, text: str, times: int) -> bool:
        """Whether the program has written ``text`` so many times."""
        return self.output().count(text) >= times

    def wait(self) -> int:
        """Wait until the program ends by itself and give its exit status."""
        wait_until(lambda: not self.running(), f"{self.command} ends")
        return self.process.wait()

    def stop(self) -> int:
        """Ask the program to end (SIGTERM) and give its exit status."""
        return self.end(signal.SIGTERM)

    def kill(self) -> None:
        """End the program at once (SIGKILL)."""
        self.end(signal.SIGKILL)

    def end(self, by: signal.Signals) -> int:
        """Send a signal and wait for the end; a program that does not end is killed."""
        if self.running():
            self.process.send_signal(by)
        try:
            return self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        os.close(self.log)


class ServerProgram(Program):
    """A job server on a port of its own, ready for connections."""

    def __init__(
        self,
        *command: str,
        port: int,
        environment: Mapping[str, str] | None = None,
        descriptors: Sequence[int] = (),
    ) -> None:
        super().__init__(*command, environment=environment, descriptors=descriptors)
        self.port = port
        self.address = f"{HOST}:{port}"
        try:
            wait_until(
                lambda: self.accepts() or not self.running(), f"{command[0]} listens on {self.address}"
            )
            assert self.running(), f"{command} ended with: {self.output()}"
        except BaseException:
            self.kill()
            raise

    def accepts(self) -> bool:
        """Whether the port takes a connection."""
        return can_connect(self.port)

    def hang_up(self) -> None:
        """Send SIGHUP, in a pool first to the other servers, so that they have read their files by then."""
        self.process.send_signal(signal.SIGHUP)

    def connect(self) -> socket.socket:
        """A raw connection, for tests that speak bytes; it times out like everything else."""
        return socket.create_connection((HOST, self.port), DEADLINE)

    def ask(self, line: str) -> str:
        """The answer to one text command, its line ends included."""
        with self.connect() as link, link.makefile("rb") as lines:
            link.sendall(f"{line}\n".encode())
            answer = b""
            for received in lines:
                answer += received
                if received == b".\n" or answer.startswith((b"OK", b"ERR")):
                    break
            return answer.decode()


class Place(NamedTuple):
    """A server's place in a pool."""

    options: Sequence[str]
    others: Sequence[ServerProgram]  # that are there already


Membership = Callable[[Sequence[str]], AbstractContextManager[Place]]  # by the options of a server alone


class GeartrainProgram(ServerProgram):
    """Our server as its own process; unless the options say otherwise it keeps its jobs, in a folder of its own.

    With a ``membership`` (see ``tests.support.members``) it is a member of a pool instead.
    """

    membership: ClassVar[Membership | None] = None

    def __init__(
        self,
        *options: str,
        port: int | None = None,
        python: tuple[str, ...] = ("-m", "geartrain"),
        environment: Mapping[str, str] | None = None,
        membership: Membership | None = None,
    ) -> None:
        port = port or free_port()
        where = ("--listen", HOST, "--port", str(port))
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        os.chmod(self.folder.name, 0o711)  # for a server that becomes another user
        state = {"STATE_DIRECTORY": os.path.join(self.folder.name, "state"), **(environment or {})}
        if membership is None and "--store" not in options:
            membership = GeartrainProgram.membership
        with ExitStack() as stack:
            given, self.others = Place(options, ())
            if membership is not None:
                given, self.others = stack.enter_context(membership(options))
            super().__init__(sys.executable, *python, "server", *where, *given, port=port, environment=state)
            if membership is not None:
                wait_until(self.is_served, f"{self.address} has a leader for each function")
            self.pool = stack.pop_all()  # ends with the program

    def hang_up(self) -> None:
        for other in self.others:
            read = other.output().count("configuration")
            other.hang_up()
            if "--config" in other.command:
                wait_until(
                    partial(other.has_written, "configuration", read + 1), "the others read their files"
                )
        super().hang_up()

    def is_served(self) -> bool:
        """Whether a member of a pool reaches the leaders; where nobody may ask, whether it leads its shard."""
        try:
            answer = self.ask("pool")
        except ssl.SSLError:  # it shows or wants a certificate of the test's own
            answer = "ERR"
        if answer.startswith("ERR"):
            return "leading" in self.output() or not any("shards=3" in word for word in self.command)
        lines = [json.loads(line) for line in answer.splitlines() if line != "."]
        return all(line["reached"] for line in lines if "shard" in line)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        self.pool.close()
        self.folder.cleanup()


def geartrain_server(*options: str, port: int | None = None) -> ServerProgram:
    """Our server, with what it does unless the options say otherwise."""
    return GeartrainProgram(*options, port=port)


def gearmand(*options: str, port: int | None = None) -> ServerProgram:
    """The C job server, where it is installed."""
    port = port or free_port()
    program = require("gearmand")
    return ServerProgram(program, "-L", HOST, "-p", str(port), "-l", "stderr", *options, port=port)
