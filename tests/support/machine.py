"""What the machine has: programs and free ports."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from glob import glob
from itertools import count
from typing import NoReturn

import pytest

HOST = "127.0.0.1"
ELSEWHERE = ("/usr/sbin", "/usr/local/sbin", *sorted(glob("/usr/lib/postgresql/*/bin")))
PORTS = 9_000  # in each range
FIRST_PORT = 20_000 if os.environ.get("GEARTRAIN_BUILD") == "compiled" else 10_000
TURNS = count(os.getpid() * 37)
DEADLINE = 15.0  # seconds that anything may take before its test fails


def missing(what: str) -> NoReturn:
    """Leave a test that needs what is not here: skipped at home, failed where the environment says CI=true."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is missing (`make real-clients` installs it)")
    pytest.skip(f"{what} is missing (`make real-clients` installs it)")


def require(program: str) -> str:
    """The path of a program; a test that needs one which is not here ends as ``missing`` says."""
    path = shutil.which(program) or shutil.which(program, path=os.pathsep.join(ELSEWHERE))
    if path is None:
        missing(f"the program {program}")
    return path


def require_success(what: str, *command: str) -> None:
    """Go on only where the command succeeds: it shows that a module or an extension is installed."""
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        missing(what)


def free_port() -> int:
    """A TCP port on which nothing listens, below those that connections take.

    Each build's tests have a range of their own, as both may run at the same time.
    """
    for _ in range(PORTS):
        port = FIRST_PORT + next(TURNS) % PORTS
        if can_bind(port):
            return port
    raise AssertionError(f"no port from {FIRST_PORT} to {FIRST_PORT + PORTS - 1} is free")


def can_bind(port: int) -> bool:
    """Whether a server could listen on a port."""
    with socket.socket() as probe:
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def can_connect(port: int) -> bool:
    """Whether a server listens on a port."""
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def wait_until(happened: Callable[[], bool], what: str, seconds: float = DEADLINE) -> None:
    """Look again and again until something happened; fail with ``what`` when it did not in time."""
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds:g} s in vain until {what}")
        time.sleep(0.005)
