"""What it costs the job traffic that people look at the web page."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
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
    return load(server, "both", jobs=scaled(200_000, scale), clients=8, workers=8, window=100)


def calls(server: Server, scale: float) -> Sample:
    """Wait for jobs."""
    return load(server, "call", jobs=scaled(100_000, scale), clients=16, workers=8)


def row(name: str, what: str, measure: Measure) -> Row:
    """A row that measures the same server with and without readers.

    Browsers on the machine of the server take its processors: what they cost the server itself is seen where they are
    elsewhere.
    """

    def contestants(scale: float, stack: ExitStack) -> Contestants:
        if shutil.which("chromium") is None or find_spec("playwright") is None:
            raise NotMeasured("it takes chromium and playwright")
        port = free_port()
        server = stack.enter_context(Server("geartrain", options=("--http", f"{HOST}:{port}")))
        load(server, "submit", jobs=QUEUED, clients=8, window=100, function=1)
        measure(server, scale)  # warms it up
        return {
            CLOSED: partial(measure, server, scale),
            OPEN: partial(watched, f"http://{HOST}:{port}/", "ask", partial(measure, server, scale)),
            DRAWN: partial(watched, f"http://{HOST}:{port}/", "draw", partial(measure, server, scale)),
        }

    return Row(name, what, contestants, turns=3)


def watched(url: str, way: str, measure: Callable[[], Sample]) -> Sample:
    """Measure while readers look."""
    with readers(url, way):
        return measure()


@contextmanager
def readers(url: str, way: str) -> Iterator[None]:
    """Browsers that show the page for the time of a ``with`` block."""
    program = subprocess.Popen(
        [sys.executable, "-m", "bench.programs.readers", url, str(BROWSERS), way],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert program.stdout
    assert program.stdin
    if program.stdout.readline() != "open\n":
        raise SystemExit("the browsers did not open the page")
    try:
        yield
    finally:
        program.stdin.close()
        program.wait()
        program.stdout.close()


WEB: Final = Group(
    "Web",
    (
        row("web-both", "8 clients queue and 8 workers do jobs, 20,000 others are queued", background),
        row("web-call", "16 clients wait for jobs of 8 workers, 20,000 others are queued", calls),
    ),
)
