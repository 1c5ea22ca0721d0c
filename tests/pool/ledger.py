"""What was submitted to a pool, acknowledged, executed and heard, written down by those who did it."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise

KEY = 16  # bytes at the head of a workload, by which a job is found here
NEVER = float("inf")

Place = tuple[int, int]  # the port of a server, and which of the lives that it has had there


@dataclass
class Submitted:
    """A background job as it was sent."""

    function: bytes
    unique: bytes
    workload: bytes = field(repr=False)
    sent_at: float = field(default_factory=time.monotonic)
    handle: bytes = b""  # empty until it is acknowledged
    acknowledged_at: float = NEVER


@dataclass
class Executed:
    """A job as a worker had it."""

    number: int  # no other execution has it
    place: Place
    handle: bytes
    function: bytes
    unique: bytes
    workload: bytes = field(repr=False)
    begun_at: float = field(default_factory=time.monotonic)
    ended_at: float = NEVER  # when the worker said how it ended
    left: bool = False  # the worker hung up before
    lost: bool = False  # the server did

    @property
    def key(self) -> bytes:
        return self.workload[:KEY]


@dataclass
class Called:
    """A foreground job as a client waited for it."""

    key: bytes
    place: Place
    handle: bytes = b""
    chunks: list[tuple[int, int]] = field(
        default_factory=list
    )  # of WORK_DATA: number of execution, place in it
    result: bytes = b""  # empty until it has come


@dataclass
class Ledger:
    """Everything that happened."""

    submitted: dict[bytes, Submitted] = field(default_factory=dict)  # by key
    executed: list[Executed] = field(default_factory=list)
    called: list[Called] = field(default_factory=list)
    cut: list[Called] = field(default_factory=list)  # those whose server was gone before the result came
    refused: list[bytes] = field(default_factory=list)  # what ERROR packets said
    dead: set[Place] = field(default_factory=set)
    frozen: set[Place] = field(default_factory=set)  # for longer than the heartbeat
    disturbed: list[tuple[float, float]] = field(default_factory=list)  # from when on, and until when
    fenced: int = 0  # late results that the servers have refused

    def acknowledged_since(self, moment: float) -> set[bytes]:
        """The functions of the jobs that were submitted after a moment, and acknowledged."""
        found = set()
        for job in reversed(self.submitted.values()):
            if job.sent_at < moment:
                break
            if job.handle:
                found.add(job.function)
        return found

    def executions(self) -> dict[bytes, list[Executed]]:
        """The executions by key, each as they began."""
        found: dict[bytes, list[Executed]] = defaultdict(list)
        for execution in self.executed:
            found[execution.key].append(execution)
        return found

    def summary(self) -> str:
        """What a log says of it."""
        acknowledged = sum(bool(job.handle) for job in self.submitted.values())
        return (
            f"{len(self.submitted)} submitted, {acknowledged} acknowledged, {len(self.executed)} executed,"
            f" {len(self.called)} called, {len(self.cut)} cut, {self.fenced} fenced, refused: {set(self.refused)}"
        )

    # What must hold in the end

    def check(self) -> None:
        """Fail where a job was lost, altered, ran twice without a reason, or was answered other than once."""
        executions = self.executions()
        lost = [job for key, job in self.submitted.items() if job.handle and key not in executions]
        assert not lost, f"{len(lost)} acknowledged jobs were lost, such as {lost[:3]}"
        for runs in executions.values():
            self.check_unaltered(runs)
            self.check_asked_again(runs)
        late = self.late()
        assert len(late) <= self.fenced, f"{self.fenced} were fenced, ran although another had begun: {late}"
        for call in self.called:
            assert len(set(call.chunks)) == len(call.chunks), f"data came twice: {call}"
            assert in_order(call.chunks), f"data came out of order: {call}"

    def check_unaltered(self, runs: list[Executed]) -> None:
        sent = self.submitted.get(runs[0].key)
        if sent is not None:
            for run in runs:
                got = (run.function, run.unique, run.workload)
                assert got == (sent.function, sent.unique, sent.workload), f"{run} was submitted as {sent}"

    def late(self) -> list[tuple[Executed, Executed]]:
        """The runs whose job was another worker's before their result was kept: it must be refused, and counted."""
        return [pair for runs in self.executions().values() for pair in self.late_among(runs)]

    def late_among(self, runs: list[Executed]) -> list[tuple[Executed, Executed]]:
        """Those of one job, each with the run that came after it."""
        late = []
        for place, first in enumerate(runs):
            after = [second for second in runs[place + 1 :] if self.takes_its_place(first, second)]
            if after and not self.was_lost(first):
                late.append((first, after[0]))
        return late

    def takes_its_place(self, first: Executed, second: Executed) -> bool:
        """Whether a run began that must not while another one goes on, or has ended."""
        if second.begun_at < first.ended_at:
            return first.handle == second.handle or bool(first.unique)
        return first.handle == second.handle and not self.was_unheard(first)

    def was_lost(self, run: Executed) -> bool:
        """Whether the worker has lost its connection, or its server its life."""
        return run.left or run.lost or run.place in self.dead

    def check_asked_again(self, runs: list[Executed]) -> None:
        """A background submit is one job, if nothing happened before it was answered."""
        for first, second in pairwise(runs):
            if first.handle != second.handle and first.key in self.submitted:
                assert self.was_asked_again(self.submitted[first.key]), f"two jobs of one: {first}, {second}"

    def was_unheard(self, run: Executed) -> bool:
        """Whether the server of a client stood still, who could not hear the result of a foreground job."""
        places = {call.place for call in (*self.called, *self.cut) if call.handle == run.handle}
        return not self.frozen.isdisjoint(places)

    def was_asked_again(self, job: Submitted) -> bool:
        """Whether something happened between a submit and its answer."""
        return any(job.sent_at < end and begin < job.acknowledged_at for begin, end in self.disturbed)


def in_order(chunks: list[tuple[int, int]]) -> bool:
    """Whether the chunks of each execution came one after the other."""
    by_execution: dict[int, list[int]] = defaultdict(list)
    for number, place in chunks:
        by_execution[number].append(place)
    return all(places == sorted(places) for places in by_execution.values())
