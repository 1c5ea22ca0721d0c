"""What one turn asks of a store, and what the store says back.

The broker defines both, stores implement them: so the core never imports a store.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from geartrain.broker.model import NOT_ASKED, Job

NO_WORKLOADS: Final[Mapping[int, bytes | None]] = MappingProxyType({})


class JobRecord(NamedTuple):
    """All of a background job that outlives the process."""

    number: int  # what the handle ends with: the key of everything that is kept of the job
    handle: bytes
    function: bytes
    unique: bytes
    reducer: bytes
    workload: bytes | None  # None where it stays in the store until a worker takes the job
    size: int  # bytes of the workload
    priority: int
    run_at: float  # Unix time; 0 is at once
    submitted_at: float  # Unix time
    attempts: int  # executions that ended without a result
    metadata: bytes  # JSON, empty where there is none
    losses: int = 0  # of the attempts in a row up to the last: their worker was lost, or over its time


class DeadRecord(NamedTuple):
    """Why a job is among the dead letters; its ``JobRecord`` stays in the store beside this."""

    number: int
    reason: str  # "lost", "timeout", "fail", "exception", "ttl" or "rejected"
    worker: bytes  # the client id of the last worker, empty where there was none
    error: bytes  # what the last worker said, empty where it said nothing
    died_at: float  # Unix time


class ResultRecord(NamedTuple):
    """A background job that is over, kept because its function's policy says so."""

    number: int
    handle: bytes
    function: bytes
    unique: bytes
    state: str  # "complete", "failed", "exception" or "cancelled"
    result: bytes  # of WORK_COMPLETE, after what WORK_DATA brought; what WORK_EXCEPTION said
    submitted_at: float  # Unix time, as the others
    started_at: float  # 0 where it never ran
    finished_at: float
    expires_at: float
    attempts: int  # executions, the last one included
    worker: bytes  # the client id of the last worker


class Document(NamedTuple):
    """Something small that an operator has set: a policy, a schedule, when a schedule was last due."""

    kind: str
    name: str
    text: str  # empty where it is to be forgotten


class Outcome(NamedTuple):
    """What became of a batch, and the workloads that it asked for."""

    error: str = ""  # why it is not kept; empty when all of it is
    partly: bool = False  # after an error: whether at least all is removed that was to be
    workloads: Mapping[int, bytes | None] = NO_WORKLOADS  # by number; None for one that cannot be read


class Kept(NamedTuple):
    """A part of what outlived the last process: jobs in the order of their submits, dead ones among them."""

    jobs: Sequence[JobRecord] = ()
    dead: Sequence[DeadRecord] = ()  # each before the part that has its job
    results: Sequence[ResultRecord] = ()
    documents: Sequence[Document] = ()
    last_number: int = 0  # no handle up to it may be given again
    notices: Sequence[str] = ()  # for the log
    damaged: Sequence[str] = ()  # rows that were set aside, as they cannot be read: "job 5"


class Batch:
    """What a turn must make durable.

    It grows with jobs as they are; ``seal`` makes records of them when the store is to keep it. A job that came and
    went within one batch is in none of the lists, and no number is in two that contradict each other: but for
    ``removed`` and ``forgotten``, which are done last.
    """

    def __init__(self) -> None:
        self.added: dict[int, Job] = {}  # to be kept from now on, by number
        self.owed: dict[int, None] = {}  # those of them that nobody waits to hear of: ticks of schedules
        self.changed: dict[int, Job] = {}  # kept already: attempts or due time are others now
        self.removed: list[int] = []  # jobs that are over, dead letters that were discarded
        self.buried: dict[int, DeadRecord] = {}  # jobs that are dead letters from now on
        self.exhumed: dict[int, None] = {}  # dead letters that are jobs again
        self.results: list[ResultRecord] = []
        self.forgotten: dict[int, None] = {}  # results
        self.documents: dict[tuple[str, str], Document] = {}  # by kind and name
        self.wanted: dict[int, None] = {}  # jobs whose workload is to be read
        self.last_number = 0
        self.records: list[JobRecord] = []  # of those added, once the batch is sealed
        self.changes: list[JobRecord] = []  # of those changed, without workloads

    def __len__(self) -> int:
        return (
            len(self.added)
            + len(self.changed)
            + len(self.removed)
            + len(self.buried)
            + len(self.exhumed)
            + len(self.results)
            + len(self.forgotten)
            + len(self.documents)
            + len(self.wanted)
            + (self.last_number > 0)
        )

    def add(self, job: Job) -> None:
        """Keep a job from now on."""
        self.added[job.number] = job

    def change(self, job: Job) -> None:
        """A job that is kept has other attempts or another due time."""
        if job.number not in self.added:
            self.changed[job.number] = job

    def remove(self, job: Job) -> None:
        """The job is over."""
        self.added.pop(job.number, None)
        self.changed.pop(job.number, None)
        self.buried.pop(job.number, None)
        if job.kept != NOT_ASKED:
            self.removed.append(job.number)

    def bury(self, job: Job, record: DeadRecord) -> None:
        """The job is a dead letter."""
        self.exhumed.pop(job.number, None)
        self.buried[job.number] = record
        self.change(job)

    def exhume(self, job: Job) -> None:
        """A dead letter is a job again."""
        self.buried.pop(job.number, None)
        self.exhumed[job.number] = None
        self.change(job)

    def keep_result(self, result: ResultRecord) -> None:
        """Keep what became of a job."""
        self.forgotten.pop(result.number, None)
        self.results.append(result)

    def forget_result(self, number: int) -> None:
        """Keep the result no longer."""
        self.forgotten[number] = None

    def set(self, kind: str, name: str, text: str) -> None:
        """Keep something that an operator has set; an empty text forgets it."""
        self.documents[(kind, name)] = Document(kind, name, text)

    def take_over(self, earlier: Batch) -> None:
        """Do, too, what an earlier batch could not, but for the jobs it added."""
        for result in self.results:
            earlier.forgotten.pop(result.number, None)
        for number in self.buried:
            earlier.exhumed.pop(number, None)
        for number in [*self.exhumed, *(earlier.added.keys() - self.added.keys())]:
            earlier.buried.pop(number, None)
        self.removed = earlier.removed + self.removed
        self.results = earlier.results + self.results
        self.exhumed = {**earlier.exhumed, **self.exhumed}
        self.forgotten = {**earlier.forgotten, **self.forgotten}
        self.changed = {**earlier.changed, **self.changed}
        self.buried = {**earlier.buried, **self.buried}
        self.documents = {**earlier.documents, **self.documents}
        for number in self.removed:
            self.changed.pop(number, None)
            self.buried.pop(number, None)

    def leave_out_ends(self) -> None:
        """What was to be removed is."""
        self.removed = []
        self.exhumed = {}
        self.forgotten = {}

    def seal(self) -> None:
        """Make records of the jobs as they are now."""
        self.records = [record_of(job, job.workload) for job in self.added.values()]
        self.changes = [record_of(job, None) for job in self.changed.values()]


def record_of(job: Job, workload: bytes | None) -> JobRecord:
    """A job as a store sees it."""
    return JobRecord(
        job.number,
        job.handle,
        job.function.name,
        job.unique,
        job.reducer,
        workload,
        job.size,
        job.priority,
        job.run_at,
        job.submitted_at,
        job.attempts,
        job.metadata,
        job.losses,
    )
