"""What was submitted to a pool, acknowledged, executed and heard, written down by those who did it."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import combinations, pairwise

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
        unexplained: list[tuple[Executed, Executed]] = []
        for runs in executions.values():
            self.check_unaltered(runs)
            unexplained += self.at_the_same_time(runs)
            self.check_repeated(runs)
        assert len(unexplained) <= self.fenced, (
            f"{self.fenced} were fenced, ran at the same time: {unexplained}"
        )
        for call in self.called:
            assert len(set(call.chunks)) == len(call.chunks), f"data came twice: {call}"
            assert in_order(call.chunks), f"data came out of order: {call}"

    def check_unaltered(self, runs: list[Executed]) -> None:
        sent = self.submitted.get(runs[0].key)
        if sent is not None:
            for run in runs:
                got = (run.function, run.unique, run.workload)
                assert got == (sent.function, sent.unique, sent.workload), f"{run} was submitted as {sent}"

    def at_the_same_time(self, runs: list[Executed]) -> list[tuple[Executed, Executed]]:
        """The runs of a job of which the second began while the first one went on at a server that lived."""
        return [
            (first, second)
            for first, second in combinations(runs, 2)
            if second.begun_at < first.ended_at and not self.was_lost(first)
        ]

    def was_lost(self, run: Executed) -> bool:
        """Whether the worker has lost its connection, or its server its life."""
        return run.left or run.lost or run.place in self.dead

    def check_repeated(self, runs: list[Executed]) -> None:
        """A job whose worker said its result is not run again, if the server was there to pass it on."""
        for first, second in pairwise(runs):
            if first.handle == second.handle:
                assert self.was_lost(first) or self.was_frozen(first), f"run again: {first}, {second}"
            elif first.key in self.submitted:
                assert self.was_asked_again(self.submitted[first.key]), f"two jobs of one: {first}, {second}"

    def was_frozen(self, run: Executed) -> bool:
        """Whether the server of the worker stood still, or that of a client, who could not hear the result."""
        places = {call.place for call in (*self.called, *self.cut) if call.handle == run.handle}
        return not self.frozen.isdisjoint({run.place, *places})

    def was_asked_again(self, job: Submitted) -> bool:
        """Whether something happened between a submit and its answer."""
        return any(job.sent_at < end and begin < job.acknowledged_at for begin, end in self.disturbed)


def in_order(chunks: list[tuple[int, int]]) -> bool:
    """Whether the chunks of each execution came one after the other."""
    by_execution: dict[int, list[int]] = defaultdict(list)
    for number, place in chunks:
        by_execution[number].append(place)
    return all(places == sorted(places) for places in by_execution.values())
