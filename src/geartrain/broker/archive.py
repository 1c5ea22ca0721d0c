"""What became of jobs that are over: dead letters, and the results that a function's policy keeps."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from heapq import heapify, heappop, heappush
from typing import Final

from geartrain.broker.batch import DeadRecord, ResultRecord
from geartrain.broker.model import Job

MOST_NAMES: Final = 20  # of damaged rows
FEW: Final = 64  # entries of a heap that may be out of date without harm


class DeadLetter:
    """A background job that ended badly and may be tried again: it is in no queue, and no submit joins it."""

    __slots__ = ("job", "record")

    def __init__(self, job: Job, record: DeadRecord) -> None:
        self.job = job
        self.record = record


class Damage:
    """The rows that a store has set aside since the start, as they cannot be read."""

    __slots__ = ("count", "names")

    def __init__(self) -> None:
        self.count = 0
        self.names: list[str] = []  # of the first of them, such as "job 5"

    def add(self, names: Sequence[str]) -> None:
        """Some more."""
        self.count += len(names)
        self.names += names[: MOST_NAMES - len(self.names)]


class Archive:
    """The dead letters and the results of one server, by the numbers of their jobs, the oldest first."""

    def __init__(self, most: int, memory: int) -> None:
        self.dead: dict[int, DeadLetter] = {}
        self.dead_of: dict[bytes, int] = {}  # how many there are, by the name of their function
        self.read: dict[int, DeadRecord] = {}  # by a store, before it reads the jobs that they are of
        self.results: OrderedDict[int, ResultRecord] = OrderedDict()
        self.results_of: dict[bytes, int] = {}  # how many there are, by the name of their function
        self.most = most  # results
        self.memory = memory  # bytes of results
        self.size = 0  # bytes of the results that are kept
        self.expiries: list[tuple[float, int]] = []  # heap of Unix times and numbers, some out of date
        self.questions = 0  # for workloads of dead letters that only the store has
        self.chunks: dict[int, bytearray] = {}  # what WORK_DATA has brought of running jobs

    def bury(self, letter: DeadLetter) -> None:
        """One more dead letter."""
        name = letter.job.function.name
        self.dead[letter.job.number] = letter
        self.dead_of[name] = self.dead_of.get(name, 0) + 1

    def unearth(self, number: int) -> bool:
        """Be rid of a dead letter, if there is one."""
        letter = self.dead.pop(number, None)
        if letter is None:
            return False
        name = letter.job.function.name
        self.dead_of[name] -= 1
        if not self.dead_of[name]:
            del self.dead_of[name]
        return True

    def add(self, result: ResultRecord) -> list[int]:
        """Keep a result; the numbers of older ones that are given up for it."""
        self.remove(result.number)
        self.results[result.number] = result
        self.results_of[result.function] = self.results_of.get(result.function, 0) + 1
        self.size += len(result.result)
        heappush(self.expiries, (result.expires_at, result.number))
        if len(self.expiries) > 2 * len(self.results) + FEW:
            self.expiries = [(kept.expires_at, kept.number) for kept in self.results.values()]
            heapify(self.expiries)
        gone: list[int] = []
        while len(self.results) > self.most or self.size > self.memory:
            number = next(iter(self.results))
            self.remove(number)
            gone.append(number)
        return gone

    def remove(self, number: int) -> None:
        """Forget a result, if there is one."""
        result = self.results.pop(number, None)
        if result is None:
            return
        self.size -= len(result.result)
        self.results_of[result.function] -= 1
        if not self.results_of[result.function]:
            del self.results_of[result.function]

    def expire(self, clock: float) -> list[int]:
        """Forget the results whose time is over: their numbers."""
        gone: list[int] = []
        while self.expiries and self.expiries[0][0] <= clock:
            when, number = heappop(self.expiries)
            result = self.results.get(number)
            if result is not None and result.expires_at == when:
                self.remove(number)
                gone.append(number)
        return gone
