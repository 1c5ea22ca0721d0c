"""The readings of a server: what its brokers, its store and its loop know of themselves."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from geartrain.broker.answers import text
from geartrain.broker.broker import Broker
from geartrain.broker.listing import oldest_at
from geartrain.broker.model import NORMAL, PRIORITIES, Function
from geartrain.broker.stats import counts
from geartrain.pool.address import is_pool
from geartrain.server.pulse import Pulse
from geartrain.store import MEMORY, path_of
from geartrain.store.durations import BOUNDS, Durations
from geartrain.store.reserve import LITTLE_SPACE
from geartrain.version import __version__
from geartrain.web.readings import FunctionReading, Histogram, ServerReading

if TYPE_CHECKING:
    from geartrain.server.server import Server

STEPS: Final = (
    11  # buckets of a function's histograms but for the last; each goes four times as far as the one before
)
POWERS: Final = tuple(4**step / 1000 for step in range(STEPS))  # seconds
MIB: Final = 1024 * 1024
FILES: Final = ("", "-wal")  # of SQLite, beside each other
CLOSING: Final = "the server is about to end"


class ServerReadings:
    """The figures of a server, for its text command ``stats`` and for monitors."""

    def __init__(self, server: Server) -> None:
        store = server.settings.store
        self.the_server = server
        self.desk = server.desk
        self.pooled = is_pool(store)
        self.path = (
            "" if self.pooled or store == MEMORY else path_of(store)
        )  # of the store's file, where it has one
        self.started_at = time.time()
        self.began = time.monotonic()
        self.pulse = Pulse()

    def functions(self) -> Iterator[FunctionReading]:
        """The functions whose jobs this server hands out, in the order in which they became known."""
        for broker in self.desk.brokers():
            for function in list(broker.functions.values()):
                yield reading_of(broker, function)

    def server(self) -> ServerReading:
        """The server itself."""
        desk, held = self.desk, self.held()
        pooled = self.pooled
        return ServerReading(
            __version__,
            self.started_at,
            len(self.the_server.peers_by_number),
            self.the_server.received_bytes,
            self.the_server.sent_bytes,
            held["schedules"],
            held["results"],
            held["workload_bytes"],
            histogram_of(self.pulse.lag),
            histogram_of(desk.commits),
            desk.commits.failures,
            not self.faults(),
            self.store_bytes(),
            histogram_of(desk.round_trips) if pooled else None,
            desk.round_trips.failures if pooled else None,
            desk.fenced() if pooled else None,
            len(desk.brokers()) if pooled else None,
            held["set_aside"],
            self.the_server.accidents,
            self.the_server.http_sockets,
            self.unfinished(),
        )

    def unfinished(self) -> int:
        """Bytes of packets and bodies that are not whole."""
        self.the_server.unfinished.count()
        return self.the_server.unfinished.total()

    def held(self) -> Counter[str]:
        """How much there is in all brokers together."""
        held: Counter[str] = Counter()
        for broker in self.desk.brokers():
            held.update({name: count for name, count in counts(broker).items() if isinstance(count, int)})
        return held

    def about(self) -> dict[str, object]:
        """What ``stats`` says beside what a broker knows."""
        desk = self.desk
        return {
            **(self.held() if self.pooled else {}),
            "connections": len(self.the_server.peers_by_number),
            "http_connections": self.the_server.http_sockets,
            "unfinished_bytes": self.unfinished(),
            "uptime": time.monotonic() - self.began,
            "received_bytes": self.the_server.received_bytes,
            "sent_bytes": self.the_server.sent_bytes,
            "loop_lag": self.pulse.lag.last if self.pulse.timer is not None else None,
            "store": self.the_server.settings.store.partition(":")[0],
            "store_bytes": self.store_bytes(),
            "commits": sum(desk.commits.counts),
            "commit_seconds": desk.commits.last,
            "commit_failures": desk.commits.failures,
            "faults": self.faults(),
            "accidents": self.the_server.accidents,
            "renewal": desk.renewal(),
            "warnings": self.warnings(),
            "set_aside_rows": [name for broker in desk.brokers() for name in broker.damage.names],
        }

    def loop_lag(self) -> float:
        """By how many seconds the loop was late when it was looked at last."""
        return self.pulse.lag.last

    def store_bytes(self) -> int | None:
        """How large the store's files are; None where it has none here."""
        if not self.path:
            return None
        size = 0
        for suffix in FILES:
            with suppress(OSError):
                size += os.stat(self.path + suffix).st_size
        return size

    def faults(self) -> list[str]:
        """Why nobody should send jobs here for now; nothing where all is well."""
        return [*([CLOSING] if self.the_server.stopping else []), *self.desk.faults(), *self.lack_of_space()]

    def warnings(self) -> list[str]:
        """What happened since the start that somebody should look into, though jobs are taken."""
        return self.desk.warnings()

    def lack_of_space(self) -> list[str]:
        """Why the disk may refuse jobs soon."""
        if not self.path:
            return []
        folder = Path(self.path).parent
        try:
            disk = os.statvfs(folder)
        except OSError as error:
            return [f"cannot look at the disk of {folder}: {error.strerror}"]
        free = disk.f_bavail * disk.f_frsize
        if free >= LITTLE_SPACE:
            return []
        return [f"{free // MIB} MiB are free on the disk of {folder}, expected {LITTLE_SPACE // MIB} MiB"]


def reading_of(broker: Broker, function: Function) -> FunctionReading:
    """A function's figures."""
    tally, since = function.tally, oldest_at(function)
    busy = len([worker for worker in function.workers if worker.running])
    return FunctionReading(
        text(function.name),
        {name: waiting(function, priority) for priority, name in enumerate(PRIORITIES)},
        sum(function.delayed),
        function.running,
        len(function.workers) - busy,
        busy,
        0.0 if since is None else max(time.time() - since, 0.0),
        broker.archive.dead_of.get(function.name, 0),
        function.policy is not None and function.policy.paused,
        tally.totals(),
        Histogram(POWERS, in_fours(tally.wait), tally.wait_seconds),
        Histogram(POWERS, in_fours(tally.run), tally.run_seconds),
    )


def waiting(function: Function, priority: int) -> int:
    """How many jobs of a priority wait for nothing but a worker."""
    return len(function.queues[priority]) + (len(function.due) if priority == NORMAL else 0)


def in_fours(counts: Sequence[int]) -> list[int]:
    """Buckets that each go four times as far as the one before, of those that go twice as far."""
    return [counts[0], *(counts[place] + counts[place + 1] for place in range(1, len(counts), 2))]


def histogram_of(durations: Durations) -> Histogram:
    return Histogram(BOUNDS, durations.counts, durations.seconds)
