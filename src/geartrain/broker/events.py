"""Events: what happens to jobs, remembered for a while as long as somebody asks for it."""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

from geartrain.broker.answers import text
from geartrain.broker.model import Job

MOST: Final = 4096  # events that are remembered
INTEREST: Final = 30.0  # seconds after a question for which events are remembered
MOST_BYTES: Final = 256  # of what a worker said

KINDS: Final = (
    "submitted",
    "joined",
    "started",
    "status",
    "data",
    "warning",
    "exception",
    "completed",
    "retried",
    "lost",
    "timed_out",
    "failed",
    "dead",
    "revived",
    "cancelled",
    "abandoned",
)


class Event(NamedTuple):
    """Something that happened to a job."""

    id: int  # counts up from 1
    at: float  # Unix time
    kind: str
    handle: bytes
    function: bytes
    unique: bytes
    worker: bytes  # the client id of the job's worker, empty while none has it
    attempts: int  # executions that had begun by then
    numerator: int
    denominator: int
    said: bytes  # the first bytes of data, a warning or an exception
    reason: str  # empty where the kind says all


class Events:
    """The last events of one broker, which has it only while somebody watches."""

    def __init__(self, clock: float, now: float) -> None:
        self.began = int(clock * 1000)  # names this series of ids: no cursor of another one fits
        self.until = now + INTEREST  # in monotonic seconds
        self.ring: deque[Event] = deque(maxlen=MOST)
        self.last = 0  # id

    def add(self, clock: float, kind: str, job: Job, reason: str = "", said: bytes = b"") -> None:
        """Remember what happens to a job; where there is a reason, its execution has been counted already."""
        self.last += 1
        worker = job.worker
        self.ring.append(
            Event(
                self.last,
                clock,
                kind,
                job.handle,
                job.function.name,
                job.unique,
                b"" if worker is None else worker.client_id,
                job.attempts + (worker is not None and not reason),
                job.numerator,
                job.denominator,
                said[:MOST_BYTES],
                reason,
            )
        )

    def after(self, last: int, function: bytes, most: int) -> list[Event]:
        """The oldest events behind one, of a function or (empty) of all, up to so many."""
        found: list[Event] = []
        skipped = len(self.ring) - (self.last - last)
        for event in self.ring:
            if skipped > 0:
                skipped -= 1
                continue
            if function and event.function != function:
                continue
            found.append(event)
            if len(found) == most:
                break
        return found

    def missed(self, last: int) -> int:
        """How many events behind one are forgotten."""
        return max(self.last - last - len(self.ring), 0)


def row_of(event: Event, shard: int) -> dict[str, object]:
    """An event as it is shown."""
    row: dict[str, object] = {
        "shard": shard,
        "id": event.id,
        "at": event.at,
        "kind": event.kind,
        "handle": text(event.handle),
        "function": text(event.function),
        "unique": text(event.unique),
        "worker": text(event.worker) or None,
        "attempts": event.attempts,
    }
    if event.kind == "status":
        row["numerator"] = event.numerator
        row["denominator"] = event.denominator
    if event.kind in ("data", "warning", "exception"):
        row["text"] = text(event.said)
    if event.reason:
        row["reason"] = event.reason
    return row
