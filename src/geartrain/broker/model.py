"""All data of the job server on one page: jobs, functions and connections."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable
from typing import Final

from geartrain.broker.bucket import bucket_for
from geartrain.broker.policy import NO_POLICY, Policy
from geartrain.broker.tally import Tally

HIGH: Final = 0
NORMAL: Final = 1
LOW: Final = 2
PRIORITIES: Final = ("high", "normal", "low")

CONTENT: Final = b"-"  # the unique that stands for "the same workload"
NOT_ASKED: Final = 0  # no store was asked to keep the job
ASKED: Final = 1  # a batch with the job was handed to the store
KEPT: Final = 2  # the store has the job

NO_LIST: Final = 0  # a peer is told no list of many rows
LISTING: Final = 1  # it hears the rest of one in the next turns, and nothing else before
LISTED: Final = 2  # it has heard all, and what it said meanwhile is to be taken

FUNCTION_LIMIT: Final = 512  # bytes of a function's name that libgearman sends
LONGEST_NUMBER: Final = 20  # digits of a handle
LONGEST_HANDLE: Final = 63  # bytes that libgearman has room for
LONGEST_PREFIX: Final = LONGEST_HANDLE - LONGEST_NUMBER - 1  # bytes of a handle before its colon and digits
ANY_NUMBER: Final = 1 << 60  # of jobs
MOST_ABILITIES: Final = 10_000  # functions of one worker
MOST_WAITS: Final = 1000  # of one connection for one job: it hears each packet so often
TOO_MANY_ABILITIES: Final = b"the connection can do %d functions already" % MOST_ABILITIES
FULL: Final = b"Job queue is full"
TOO_MANY_WAITS: Final = b"the connection waits for this job %d times already" % MOST_WAITS
DRAINING: Final = b"The function takes no more jobs"


def number_of(handle: bytes) -> int:
    """The number at the end of a handle; 0, which no job has, where there is none."""
    digits = handle[handle.rfind(b":") + 1 :]
    return int(digits) if digits.isdigit() and len(digits) <= LONGEST_NUMBER else 0


class Job:
    """A job, from its submit to its final packet."""

    __slots__ = (
        "alarm",
        "attempts",
        "background",
        "began",
        "clients",
        "counted",
        "denominator",
        "function",
        "handle",
        "kept",
        "late",
        "losses",
        "metadata",
        "number",
        "numerator",
        "place",
        "priority",
        "queued",
        "reducer",
        "run_at",
        "size",
        "started_at",
        "submitted_at",
        "unique",
        "worker",
        "workload",
    )

    def __init__(
        self,
        handle: bytes,
        function: Function,
        unique: bytes,
        reducer: bytes,
        workload: bytes | None,
        priority: int,
        background: bool,
        submitted_at: float,
        run_at: float,
    ) -> None:
        self.handle = handle
        self.function = function
        self.unique = unique
        self.reducer = reducer
        self.workload = (
            workload  # None while only the store has it, never with the unique "-", whose key it is
        )
        self.size = 0 if workload is None else len(workload)  # bytes of the workload
        self.metadata = b""  # JSON of the client's, empty where there is none
        self.priority = priority
        self.background = background  # somebody submitted it in the background: it outlives its clients
        self.submitted_at = submitted_at  # Unix time, seconds
        self.run_at = run_at  # Unix time from which it may run; 0 is from its submit
        self.started_at = 0.0  # Unix time at which its last execution began; 0 before the first
        self.began = 0.0  # the same in monotonic seconds
        self.number = 0  # its key among the broker's jobs: what its handle ends with
        self.place = 0  # its place in the order of the function's queues
        self.queued = False  # in a queue, ready to run
        self.clients: list[Connection] | None = None  # None while nobody waits for it; one entry a submit
        self.worker: Connection | None = None  # None while no worker has it
        self.attempts = 0  # executions that ended without a result
        self.losses = 0  # those in a row, up to the last, that were lost or timed out
        # Serials of workers that were over their time limit: each may still bring the result, see ``lateness.py``.
        self.late: list[int] | None = None
        self.alarm = 0  # names its entry in a Deadlines; 0 is none
        self.counted = False  # it waits for a delay to pass, and not for a time
        self.kept = NOT_ASKED  # what a store knows of it
        self.numerator = 0
        self.denominator = 0

    def is_epoch(self) -> bool:
        """Whether its place in the queue is that of its submit once its time has come, and not the tail."""
        return self.run_at != 0 and self.attempts == 0 and self.priority == NORMAL


def job_by_handle(jobs: dict[int, Job], handle: bytes) -> Job | None:
    """The one of the jobs that has this handle."""
    job = jobs.get(number_of(handle))
    return job if job is not None and job.handle == handle else None


def job_by_unique(functions: Iterable[Function], unique: bytes) -> Job | None:
    """A job with that unique in any function: a running one before the others, the oldest of them first."""
    found: Job | None = None
    for function in functions:
        job = function.uniques.get(unique)
        if job is None:
            continue
        if found is None or (job.worker is None, job.place) < (found.worker is None, found.place):
            found = job
    return found


class Queue:
    """First in, first out, with removal from the middle in constant time."""

    __slots__ = ("gone", "jobs")

    def __init__(self) -> None:
        self.jobs: deque[Job] = deque()
        self.gone = 0  # jobs among them that were removed

    def __len__(self) -> int:
        return len(self.jobs) - self.gone

    def append(self, job: Job) -> None:
        """Add a job at the tail."""
        job.queued = True
        self.jobs.append(job)

    def first(self) -> Job | None:
        """The job whose turn it is; it stays in the queue."""
        jobs = self.jobs
        while jobs:
            job = jobs[0]
            if job.queued:
                return job
            jobs.popleft()
            self.gone -= 1
        return None

    def take(self) -> Job | None:
        """Take away the job whose turn it is."""
        jobs = self.jobs
        while jobs:
            job = jobs.popleft()
            if job.queued:
                job.queued = False
                if self.gone:
                    self.compact()
                return job
            self.gone -= 1
        return None

    def remove(self, job: Job) -> None:
        """Take away any job of this queue."""
        job.queued = False
        self.gone += 1
        self.compact()

    def extract(self, job: Job) -> None:
        """Take away any job of this queue that may be appended again; slow for one that is far from the head."""
        job.queued = False
        self.jobs.remove(job)

    def compact(self) -> None:
        """Keep no more jobs that were removed than jobs that wait."""
        if self.gone * 2 > len(self.jobs):
            self.sweep()

    def sweep(self) -> None:
        """Keep only jobs that wait: one that was removed may be appended again after that."""
        if self.gone:
            self.jobs = deque([job for job in self.jobs if job.queued])
            self.gone = 0


class Function:
    """A function name with its queues and its workers."""

    __slots__ = (
        "bucket",
        "contents",
        "created",
        "delayed",
        "due",
        "lost_at",
        "name",
        "policy",
        "queues",
        "running",
        "sleepers",
        "tally",
        "uniques",
        "workers",
    )

    def __init__(self, name: bytes, policy: Policy | None) -> None:
        self.name = name
        self.policy = policy  # None where gearmand's behaviour holds
        self.bucket = bucket_for((policy or NO_POLICY).rate)  # None while its rate is not limited
        self.queues = [Queue(), Queue(), Queue()]  # by priority
        self.due: list[tuple[int, Job]] = []  # heap by place: epoch jobs whose time has come
        self.delayed = [0, 0, 0]  # jobs whose time has not come, by priority
        self.running = 0
        self.created = False  # somebody has asked for it by ``create``
        self.tally = Tally()
        self.lost_at = (
            0.0  # Unix time at which an execution was lost or over its time limit; 0 before the first
        )
        self.uniques: dict[bytes, Job] = {}  # jobs that a submit with an equal unique joins
        self.contents: dict[bytes, Job] = {}  # jobs with the unique "-", by workload
        # With the time limit of each in seconds, 0 for none; in the order in which they are woken by ``-w N``.
        self.workers: OrderedDict[Connection, float] = OrderedDict()
        self.sleepers: OrderedDict[Connection, None] = OrderedDict()  # those asleep; the last is woken first

    def time_limit(self, connection: Connection) -> float:
        """Seconds that a worker has for a job, 0 for any."""
        limit = self.workers.get(connection, 0.0)
        if self.policy is not None and self.policy.timeout:
            return min(limit or self.policy.timeout, self.policy.timeout)
        return limit

    def equal(self, unique: bytes, workload: bytes) -> Job | None:
        """The job that a submit joins, if there is one."""
        if unique == CONTENT:
            return self.contents.get(workload)
        return self.uniques.get(unique)

    def remember(self, job: Job) -> None:
        """Let later submits with the same unique find the job, if there is none that they find already."""
        if job.unique != CONTENT:
            self.uniques.setdefault(job.unique, job)
        elif job.workload:
            self.contents.setdefault(job.workload, job)

    def forget(self, job: Job) -> None:
        """Let no submit find the job any more."""
        if self.uniques.get(job.unique) is job:
            del self.uniques[job.unique]
        elif job.workload and self.contents.get(job.workload) is job:
            del self.contents[job.workload]

    def queued(self, priority: int) -> int:
        """How many jobs of a priority wait for a worker or for their time."""
        due = len(self.due) if priority == NORMAL else 0
        return len(self.queues[priority]) + due + self.delayed[priority]

    def total(self) -> int:
        """How many jobs there are, queued and running."""
        return self.in_queues() + sum(self.delayed) + self.running

    def in_queues(self) -> int:
        """How many jobs wait for nothing but a worker, and for the function's policy to let them go."""
        queues = self.queues
        return len(queues[HIGH]) + len(queues[NORMAL]) + len(queues[LOW]) + len(self.due)

    def ready(self, now: float) -> int:
        """How many jobs workers could have now."""
        queued = self.in_queues()
        return queued if self.policy is None else min(queued, self.room(now))

    def room(self, now: float) -> int:
        """How many jobs may be handed out now, if there are so many."""
        policy = self.policy
        if policy is None:
            return ANY_NUMBER
        if policy.paused:
            return 0
        room = max(policy.max_running - self.running, 0) if policy.max_running else ANY_NUMBER
        return room if self.bucket is None else min(room, self.bucket.tokens(now))

    def refusal(self, priority: int) -> bytes:
        """Why a submit of a new job is refused; empty when it is not."""
        policy = self.policy
        if policy is None:
            return b""
        if policy.draining:
            return DRAINING
        limit = policy.max_queue[priority]
        return FULL if 0 < limit <= self.total() else b""


class Connection:
    """A peer as the broker sees it: client, worker, or both."""

    __slots__ = (
        "abilities",
        "asleep",
        "client_id",
        "clogged",
        "dirty",
        "draining",
        "exceptions",
        "extended",
        "grabbed",
        "host",
        "listing",
        "number",
        "outgoing",
        "promised",
        "running",
        "serial",
        "waiting",
        "woken",
        "worker",
    )

    def __init__(self, number: int, host: bytes, exceptions: bool, dirty: list[Connection]) -> None:
        self.number = number  # its file descriptor
        self.serial = 0  # no other connection of the broker has or had it
        self.host = host
        self.exceptions = exceptions  # whether it hears WORK_EXCEPTION rather than WORK_FAIL
        self.extended = False  # it speaks Geartrain's extension
        self.dirty = dirty  # the server's list of connections with something to write
        self.outgoing: list[bytes] = []
        self.promised = False  # something outgoing holds only once the batch is kept
        self.listing = NO_LIST
        self.clogged = False  # it has to read what it was told before a list goes on
        self.client_id = b"-"
        self.abilities: list[Function] = []  # in the order in which GRAB_JOB looks at them
        self.worker = False  # it has said CAN_DO
        self.grabbed = 0  # its last kind of GRAB_JOB that found nothing
        self.draining = False  # it gets no new jobs, as an operator wants
        self.asleep = False  # it said PRE_SLEEP, and nothing has woken it
        self.woken = False  # it was sent a NOOP, and has neither grabbed nor gone back to sleep since
        self.running: dict[bytes, Job] = {}  # jobs it works on, by handle
        self.waiting: dict[Job, int] = {}  # jobs it waits for as a client, and how often

    def send(self, packet: bytes) -> None:
        """Append a packet; the turn writes it."""
        if not self.outgoing:
            self.dirty.append(self)
        self.outgoing.append(packet)

    def take_outgoing(self) -> bytes:
        """Everything to write now."""
        packets = b"".join(self.outgoing)
        self.outgoing.clear()
        return packets
