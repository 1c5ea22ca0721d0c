"""Events: what happens to jobs, remembered for a while as long as somebody asks for it."""

from __future__ import annotations

from collections import deque
from itertools import takewhile
from typing import Any, Final, NamedTuple

from geartrain.broker.access import VIEW, Access
from geartrain.broker.answers import json_line, text
from geartrain.broker.model import Job

MOST: Final = 4096  # events that are remembered
INTEREST: Final = 30.0  # seconds after a question for which events are remembered
PACE: Final = (
    0.2  # seconds in which no more than MOST events of all jobs are remembered, however many people ask
)
SWEEP: Final = 1.0  # seconds after which what nobody has asked for of late is forgotten
MOST_WATCHED: Final = 1000  # jobs and functions of which all is remembered
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


Values = tuple[Any, ...]  # of an Event, in its order: to make one takes as long as the rest of it


class Answer(NamedTuple):
    """What happened behind some event."""

    events: list[Event]
    reached: int  # the id behind which the next question goes on
    kept: int  # events that were remembered until then
    missed: int  # how many more were asked for


class Watch(NamedTuple):
    """What somebody asks for, and will ask for again."""

    function: bytes  # empty for all
    handle: bytes  # of the only job, empty for all
    most: int  # events of one answer
    is_sample: bool  # the first events of each kind are enough, ``most`` of each; the others are skipped

    @property
    def only(self) -> bytes:
        """The job or the function that alone is wanted; empty for all."""
        return self.handle or self.function

    def wants(self, event: Event) -> bool:
        """Whether an event is one of those."""
        return (not self.function or event.function == self.function) and (
            not self.handle or event.handle == self.handle
        )


class Events:
    """The last events of one broker, which has it only while somebody watches.

    To remember an event takes time from the jobs. So where people look at samples of a busy server, or at one job, what
    none of them will be shown is only counted.
    """

    def __init__(self, clock: float, now: float) -> None:
        self.began = int(clock * 1000)  # names this series of ids: no cursor of another one fits
        self.until = now + INTEREST  # in monotonic seconds
        self.ring: deque[Values] = deque(maxlen=MOST)
        self.last = 0  # id
        self.kept = 0  # events that were remembered so far
        self.room = dict.fromkeys(KINDS, 0)  # by kind, how many more of all jobs' events are remembered
        self.free = 0  # how many events are remembered beside those, of whatever kind and job
        self.freed_at = 0.0  # monotonic seconds at which that was MOST; 0 before
        self.only: dict[bytes, float] = {}  # jobs and functions of which all is remembered, and until when
        self.swept_at = now  # monotonic seconds
        self.lines: dict[int, bytes] = {}  # events as they are shown, by id, each made once for all who ask

    def expect(self, watch: Watch, now: float) -> bool:
        """Remember what somebody will ask for; False where too much is watched already."""
        self.until = now + INTEREST
        if now >= self.swept_at + SWEEP:
            self.swept_at = now
            self.only = {name: until for name, until in self.only.items() if until > now}
        if watch.only:
            if watch.only not in self.only and len(self.only) >= MOST_WATCHED:
                return False
            self.only[watch.only] = self.until
        elif watch.is_sample:
            for kind, left in self.room.items():
                self.room[kind] = max(watch.most, left)
        elif not self.freed_at or now >= self.freed_at + PACE:
            self.free = MOST
            self.freed_at = now
        return True

    def add(self, clock: float, kind: str, job: Job, reason: str = "", said: bytes = b"") -> None:
        """Remember what happens to a job; where there is a reason, its execution has been counted already."""
        self.last += 1
        room = self.room[kind]
        if room:
            self.room[kind] = room - 1
        elif self.free:
            self.free -= 1
        elif not self.only or (job.function.name not in self.only and job.handle not in self.only):
            return
        self.kept += 1
        worker = job.worker
        self.ring.append(
            (
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

    def after(self, last: int, kept: int, watch: Watch, asker: Access | None) -> Answer:
        """The oldest events behind one, until which so many were remembered; those that the asker may view."""
        behind = [*takewhile(lambda values: values[0] > last, reversed(self.ring))]
        wanted = [event for event in map(Event._make, reversed(behind)) if watch.wants(event)]
        unseen: list[Event] = []
        if asker is not None:
            unseen = [event for event in wanted if not asker.may(VIEW, event.function)]
            wanted = [event for event in wanted if asker.may(VIEW, event.function)]
        found = sample_of(wanted, watch.most) if watch.is_sample else wanted[: watch.most]
        reached = found[-1].id if len(found) == watch.most and not watch.is_sample else self.last
        ahead = sum(values[0] > reached for values in behind)
        forgotten = self.kept - kept - len(behind)  # of any function
        skipped = len(wanted) - len(found) if watch.is_sample else 0
        hidden = len([event for event in unseen if event.id <= reached])
        missed = forgotten + skipped if watch.only else reached - last - len(found) - hidden
        return Answer(found, reached, self.kept - ahead, missed)

    def line(self, event: Event, shard: int) -> bytes:
        """An event as a line of an answer."""
        line = self.lines.get(event.id)
        if line is None:
            if len(self.lines) >= 2 * MOST:
                oldest = self.ring[0][0]
                self.lines = {number: kept for number, kept in self.lines.items() if number >= oldest}
            line = self.lines[event.id] = json_line(row_of(event, shard))
        return line


def sample_of(events: list[Event], most: int) -> list[Event]:
    """The first events of each kind, so that a failure is seen among thousands of jobs that fare well."""
    left = dict.fromkeys(KINDS, most)
    found: list[Event] = []
    for event in events:
        if left[event.kind]:
            left[event.kind] -= 1
            found.append(event)
    return found


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
