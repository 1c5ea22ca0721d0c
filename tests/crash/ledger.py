"""What was submitted, acknowledged and executed, written down by those who did it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise


@dataclass(frozen=True)
class Submitted:
    """A job as it was sent."""

    key: bytes  # in the unique, or at the head of the workload: by it a worker's job is found here
    function: bytes
    unique: bytes
    workload: bytes = field(repr=False)
    priority: int
    run_at: int  # 0 is at once


@dataclass(frozen=True)
class Executed:
    """A job as a worker got it."""

    round: int
    handle: bytes
    function: bytes
    unique: bytes
    workload: bytes = field(repr=False)


@dataclass
class Ledger:
    """Everything that happened, over all the lives of the server."""

    submitted: dict[bytes, Submitted] = field(default_factory=dict)  # by key, before they were sent
    handles: dict[bytes, bytes] = field(default_factory=dict)  # of those that were acknowledged, by key
    executed: dict[bytes, list[Executed]] = field(default_factory=lambda: defaultdict(list))  # by key
    abandoned: set[tuple[int, bytes]] = field(default_factory=set)  # round and handle: the worker hung up
    settled: dict[bytes, int] = field(
        default_factory=dict
    )  # key: the round in which its result was surely kept
    ordered: list[Executed] = field(default_factory=list)  # what one worker got, alone, in the end

    def key_of(self, unique: bytes, workload: bytes) -> bytes:
        return unique or workload[:16]

    def got(self, execution: Executed) -> bytes:
        key = self.key_of(execution.unique, execution.workload)
        self.executed[key].append(execution)
        return key

    # What must hold in the end

    def check(self) -> None:
        """Fail where a job was lost, altered, invented, or executed twice without a reason."""
        lost = self.handles.keys() - self.executed.keys()
        assert not lost, f"{len(lost)} acknowledged jobs were lost, such as {self.handles[min(lost)]!r}"
        for key, executions in self.executed.items():
            assert key in self.submitted, f"nobody submitted {executions[0]}"
            for execution in executions:
                self.check_unaltered(self.submitted[key], execution)
            self.check_repeated(key, executions)
        self.check_order()

    def check_unaltered(self, sent: Submitted, execution: Executed) -> None:
        assert (execution.function, execution.unique, execution.workload) == (
            sent.function,
            sent.unique,
            sent.workload,
        ), f"{execution} was submitted as {sent}"
        acknowledged = self.handles.get(sent.key)
        assert acknowledged in (None, execution.handle), f"{execution} was acknowledged as {acknowledged!r}"

    def check_repeated(self, key: bytes, executions: list[Executed]) -> None:
        """A second execution has a reason: the worker of the first was lost, or a crash came after it."""
        for first, second in pairwise(executions):
            if first.round == second.round:
                assert (first.round, first.handle) in self.abandoned, f"twice in one life: {second}"
        if key in self.settled:
            assert executions[-1].round <= self.settled[key], (
                f"executed after its result was kept: {executions}"
            )

    def check_order(self) -> None:
        """Jobs that waited together came out in the order of their handles."""
        queues: dict[tuple[bytes, int], list[int]] = defaultdict(list)
        for execution in self.ordered:
            sent = self.submitted[self.key_of(execution.unique, execution.workload)]
            if not sent.run_at:
                queues[sent.function, sent.priority].append(int(execution.handle.rpartition(b":")[2]))
        for queue, numbers in queues.items():
            assert numbers == sorted(numbers), f"{queue} came out of order"
