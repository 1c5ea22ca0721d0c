"""A server that is busy: real workers, real clients, its page."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.support.machine import HOST, free_port, wait_until
from tests.support.processes import GeartrainProgram, Program, ServerProgram

PREFIX = "/gear"

CONFIGURATION = """
[functions."webhook_deliver"]
retry = { attempts = 2, on = ["lost", "timeout", "fail", "exception"], delay = 0.2 }
timeout = 30

[functions."say_no"]
retry = { attempts = 1, on = ["exception", "fail"] }

[functions."*"]
keep_result = 600

[functions."cleanup"]
paused = true

[schedules.nightly-report]
function = "report"
cron = "0 3 * * 1-5"
timezone = "Europe/Berlin"
catch_up = "skip"
"""


class Busy(NamedTuple):
    """A server with its page."""

    server: ServerProgram
    url: str  # of the page


@contextmanager
def busy_server(*options: str) -> Iterator[Busy]:
    """A server under load until the block ends."""
    port = free_port()
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
        file.write(CONFIGURATION)
        file.flush()
        here = ("--http", f"{HOST}:{port}", "--http-prefix", PREFIX, "--config", file.name)
        with GeartrainProgram(*here, *options) as server, employed(server.address):
            yield Busy(server, f"http://{HOST}:{port}{PREFIX}/")


@contextmanager
def employed(address: str) -> Iterator[None]:
    """Workers and clients of a server."""
    with python("tests.support.busy_workers", address) as workers:
        workers.wait_for_output("at work")
        with python("tests.support.busy_clients", address):
            yield


def python(module: str, *words: str) -> Program:
    """A module of the tests as a program of its own."""
    root = Path(__file__).parents[2]
    paths = f"{root}:{root / 'src'}"
    return Program(sys.executable, "-m", module, *words, environment={"PYTHONPATH": paths})


def wait_for_jobs(busy: Busy) -> None:
    """Wait until every function that clients submit is known."""
    wait_until(lambda: "geocode" in busy.server.ask("status"), "the clients have begun")
