"""A server, hostile peers and a canary for some time, and what comes of it."""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from tests.fuzz.peers import memory_of
from tests.hostile.canary import Canary
from tests.hostile.crowd import LAST_PATIENCE
from tests.hostile.visit import HOST, Ports
from tests.support.machine import free_port
from tests.support.processes import GeartrainProgram, Program
from tests.support.tls import Authority

MIB: Final = 1024 * 1024
STORES: Final = ("sqlite", "memory")
FIRST: Final = 10  # the first minute is the tenth part of ten minutes
MOST_GROWTH: Final = 1.2  # times the memory after the first minute
MOST_WAIT: Final = 0.050  # seconds: the canary's 99th percentile
CONFIGURATION: Final = """
[functions."*"]
max_queue = 2
keep_result = 5

[functions.canary]
max_queue = 1000
keep_result = 0

[access.roles.all]
submit = ["*"]
work = ["*"]
view = ["*"]
admin = ["*"]

[[access.grants]]
role = "all"
network = "127.0.0.1/32"
"""


class Report(NamedTuple):
    """What was seen."""

    store: str
    seconds: float
    first: float  # bytes of memory after the first tenth of the time, the median of some seconds
    last: float  # and in the end
    most: int
    waits: dict[str, list[float]]  # the canary's seconds, by sort
    tallies: dict[str, dict[str, int]]  # by kind of hostile peer, what they did
    accidents: int
    faults: list[str]  # what must not be: a canary that was not served, a server that ended, tracebacks

    def growth(self) -> float:
        """Memory at the end by that after the first minute."""
        return self.last / self.first

    def misses(self) -> list[str]:
        """Which bars are missed."""
        missed = list(self.faults)
        if self.accidents:
            missed.append(f"{self.accidents} accidents")
        if self.growth() > MOST_GROWTH:
            missed.append(f"memory grew {self.growth():.2f} times, at most {MOST_GROWTH} are allowed")
        for sort, waits in self.waits.items():
            if not waits or percentile(waits, 0.99) >= MOST_WAIT:
                missed.append(f"the canary's p99 of {sort} is not below {MOST_WAIT * 1000:.0f} ms")
        return missed


def percentile(waits: list[float], part: float) -> float:
    return sorted(waits)[min(len(waits) - 1, int(len(waits) * part))]


def trial(seed: str, seconds: float, store: str = "sqlite", kinds: Sequence[str] = ()) -> Report:
    """Let hostile peers at a server for so long, of these kinds or of all."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "config.toml").write_text(CONFIGURATION)
        files = Authority(folder).issue("server", HOST)
        http, gear_http, tls = free_port(), free_port(), free_port()
        url = "memory:" if store == "memory" else f"sqlite:{folder}/jobs.db"
        options = (
            *("--store", url, "--config", str(folder / "config.toml"), "--verbose", "ERROR"),
            *("--http", f"{HOST}:{http}", "--protocol", "http", "--http-port", str(gear_http)),
            *("--audit-log", str(folder / "audit.log")),
            *("--listen-tls", f"{HOST}:{tls}", *files.server_options),
        )
        with GeartrainProgram(*options) as server:
            ports = Ports(server.port, http, gear_http, tls)
            crowd = (
                sys.executable,
                "-m",
                "tests.hostile.crowd",
                seed,
                str(seconds),
                *map(str, ports),
                *kinds,
            )
            return observed(server, crowd, seconds, store)


def observed(server: GeartrainProgram, command: tuple[str, ...], seconds: float, store: str) -> Report:
    """What a server is like among hostile peers."""
    until = time.monotonic() + seconds
    with Program(*command) as crowd:
        canary = Canary(server, until)
        canary.start()
        memory = memory_until(server, until)
        canary.join()
        tallies, faults = said_by(crowd)
    tenth = max(1, len(memory) // FIRST)
    accidents = accidents_of(server, faults)
    if canary.failure is not None:
        faults.append(f"the canary was not served: {canary.failure!r}")
    if "Traceback" in server.output():
        faults.append(f"tracebacks in the log: {server.output()[-3000:]}")
    return Report(
        store,
        seconds,
        statistics.median(memory[tenth : 2 * tenth]),
        statistics.median(memory[-tenth:]),
        max(memory),
        canary.waits,
        tallies,
        accidents,
        faults,
    )


def accidents_of(server: GeartrainProgram, faults: list[str]) -> int:
    """How many exceptions nobody expected; ``faults`` says where the server does not answer."""
    if not server.running():
        faults.append("the server ended")
        return 0
    try:
        return int(json.loads(server.ask("stats").splitlines()[0])["accidents"])
    except OSError as error:
        faults.append(f"the server does not answer: {error!r}")
        return 0


def memory_until(server: GeartrainProgram, until: float) -> list[int]:
    """The server's memory, five times a second."""
    seen = [memory_of(server.pid)]
    while time.monotonic() < until and server.running():
        seen.append(memory_of(server.pid))
        time.sleep(0.2)
    return seen


def said_by(crowd: Program) -> tuple[dict[str, dict[str, int]], list[str]]:
    """What the hostile peers did, and what was wrong with them."""
    deadline = time.monotonic() + LAST_PATIENCE + 30
    while crowd.running() and time.monotonic() < deadline:
        time.sleep(0.1)
    if crowd.running() or crowd.process.returncode != 0:
        return {}, [f"the hostile peers failed: {crowd.output()[-3000:]}"]
    return json.loads(crowd.output().splitlines()[-1]), []


def table(report: Report) -> str:
    """A report as it is printed."""
    lines = [
        f"store {report.store}, {report.seconds:g} s",
        f"memory: {report.first / MIB:.0f} MiB after the first minute, {report.last / MIB:.0f} MiB at the end,"
        f" ratio {report.growth():.2f}, most {report.most / MIB:.0f} MiB",
        "",
        f"{'canary':24}{'times':>10}{'p50 ms':>10}{'p99 ms':>10}{'most ms':>10}",
    ]
    for sort, waits in report.waits.items():
        found = [f"{percentile(waits, part) * 1000:.1f}" for part in (0.5, 0.99, 1.0)] if waits else []
        lines.append(f"{sort:24}{len(waits):10}" + "".join(f"{each:>10}" for each in found))
    columns = ("peers", "connections", "turned away", "ended", "sent", "heard")
    lines += ["", f"{'hostile peers':24}" + "".join(f"{column:>15}" for column in columns)]
    for kind, tally in report.tallies.items():
        name = kind.replace("_", " ")
        lines.append(f"{name:24}" + "".join(f"{tally.get(column, 0):15,}" for column in columns))
    return "\n".join([*lines, "", f"accidents: {report.accidents}"])
