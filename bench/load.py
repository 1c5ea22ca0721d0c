"""The load generator: load.c."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

from bench.compiled import compiled
from bench.sample import Sample, timed

ROOT: Final = Path(__file__).parent.parent
TIMEOUT: Final = 120.0  # seconds
ENDLESS: Final = 100_000_000  # jobs: nobody waits until they are done


class Target(Protocol):
    """What a load is put on: a server, or several."""

    @property
    def name(self) -> str:
        """For messages."""

    @property
    def ports(self) -> list[int]:
        """On which connections take turns."""

    def processes(self) -> list[int]:
        """Whose use of processors counts."""


def load(server: Target, scenario: str, **numbers: int) -> Sample:
    """Put a load on the server, as the head of load.c describes it; ``cpu_rate`` is the server's."""
    return finish(start_load(server, scenario, **numbers), f"the load on {server.name}")


def start_load(server: Target, scenario: str, **numbers: int) -> subprocess.Popen[str]:
    """The same, going on while the caller does something else."""
    where = [
        *(f"port={port}" for port in server.ports),
        *(f"process={process}" for process in server.processes()),
    ]
    return start(
        compiled("load.c"), scenario, *where, *(f"{name}={number}" for name, number in numbers.items())
    )


@contextmanager
def lasting_load(server: Target, scenario: str, **numbers: int) -> Iterator[subprocess.Popen[str]]:
    """Put a load on the server for the time of a ``with`` block."""
    program = start_load(server, scenario, jobs=ENDLESS, **numbers)
    assert program.stdout
    program.stdout.readline()  # it has begun
    try:
        yield program
        if program.poll() is not None:
            finish(program, f"the lasting load on {server.name}")
    finally:
        program.kill()
        program.communicate()


def start(*command: str) -> subprocess.Popen[str]:
    """Start a program that prints an outcome; paths in its command are those of the project."""
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(program: subprocess.Popen[str], what: str) -> Sample:
    """Wait for the outcome of a program, which is JSON with the arguments of ``timed``."""
    try:
        output, errors = program.communicate(timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        program.kill()
        raise SystemExit(f"{what} took more than {TIMEOUT:g} seconds") from None
    if program.returncode != 0:
        raise SystemExit(f"{what} failed: {errors.strip() or f'exit status {program.returncode}'}")
    return timed(**json.loads(output))
