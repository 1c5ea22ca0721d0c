"""What it costs the job traffic that people look at the web page."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from importlib.util import find_spec
from typing import Final

from bench.load import ROOT, load
from bench.process import HOST, free_port
from bench.row import Contestants, Group, NotMeasured, Row, scaled
from bench.sample import Sample
from bench.servers import Server

QUEUED: Final = 20_000  # jobs that nobody does
BROWSERS: Final = 5
CLOSED: Final = "page closed"
OPEN: Final = f"page open in {BROWSERS} browsers elsewhere"
DRAWN: Final = f"page open in {BROWSERS} browsers here"

Measure = Callable[[Server, float], Sample]


def background(server: Server, scale: float) -> Sample:
    """Queue and do jobs at the same time."""
    return load(server, "both", jobs=scaled(100_000, scale), clients=8, workers=8, window=100)


def calls(server: Server, scale: float) -> Sample:
    """Wait for jobs."""
    return load(server, "call", jobs=scaled(50_000, scale), clients=16, workers=8)


def row(name: str, what: str, measure: Measure) -> Row:
    """A row that measures the same server with and without readers.

    Browsers on the machine of the server take its processors: what they cost the server itself is seen where they are
    elsewhere.
    """

    def contestants(scale: float, stack: ExitStack) -> Contestants:
        if shutil.which("chromium") is None or find_spec("playwright") is None:
            raise NotMeasured("it takes chromium and playwright")
        port = free_port()
        url = f"http://{HOST}:{port}/"
        server = stack.enter_context(Server("geartrain", options=("--http", f"{HOST}:{port}")))
        load(server, "submit", jobs=QUEUED, clients=8, window=100, function=1)
        measure(server, scale)  # warms it up
        asked = subprocess.run(
            reader("watch", url), cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
        return {
            CLOSED: partial(measure, server, scale),
            OPEN: partial(watched, reader("ask", url), asked, partial(measure, server, scale)),
            DRAWN: partial(watched, reader("draw", url), "", partial(measure, server, scale)),
        }

    return Row(name, what, contestants, turns=8)


def reader(way: str, url: str) -> list[str]:
    """The command that looks at the page."""
    return [sys.executable, "-m", "bench.programs.readers", way, url, str(BROWSERS)]


def watched(command: list[str], asked: str, measure: Callable[[], Sample]) -> Sample:
    """Measure while readers look."""
    program = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert program.stdout
    assert program.stdin
    program.stdin.write(asked)
    program.stdin.flush()
    if program.stdout.readline() != "open\n":
        raise SystemExit("the page cannot be opened")
    try:
        sample = measure()
    finally:
        program.stdin.close()
        status = program.wait()
        program.stdout.close()
    if status:
        raise SystemExit(f"a reader ended with status {status}")
    return sample


WEB: Final = Group(
    "Web",
    (
        row("web-both", "8 clients queue and 8 workers do jobs, 20,000 others are queued", background),
        row("web-call", "16 clients wait for jobs of 8 workers, 20,000 others are queued", calls),
    ),
)
