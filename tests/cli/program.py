"""The program ``geartrain``, run as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from tests.support.machine import DEADLINE
from tests.support.processes import Program, ServerProgram

PROGRAM = (sys.executable, "-m", "geartrain")


class Outcome:
    """How a run ended: its exit status, and what it wrote."""

    def __init__(self, ended: subprocess.CompletedProcess[bytes]) -> None:
        self.status = ended.returncode
        self.stdout = ended.stdout.decode("utf-8", "surrogateescape")
        self.stderr = ended.stderr.decode()

    @property
    def rows(self) -> list[Any]:
        """The objects of what was written as JSON."""
        return [json.loads(line) for line in self.stdout.splitlines()]


def geartrain(*words: str, stdin: bytes = b"", **environment: str) -> Outcome:
    """Run the program to its end."""
    return Outcome(
        subprocess.run(
            [*PROGRAM, *words],
            input=stdin,
            capture_output=True,
            timeout=DEADLINE,
            env={**os.environ, **environment},
            check=False,
        )
    )


class Shop:
    """A server, and the program run against it."""

    def __init__(self, server: ServerProgram) -> None:
        self.server = server

    def run(self, command: str, *words: str, stdin: bytes = b"") -> Outcome:
        """Run a command that asks this server."""
        return geartrain(command, *words, stdin=stdin, GEARMAN_SERVERS=self.server.address)

    def worker(self, *words: str) -> Program:
        """A ``geartrain worker`` of this server."""
        return Program(*PROGRAM, "worker", "--server", self.server.address, *words)
