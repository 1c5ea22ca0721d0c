"""A job server so simple that one can see it is right: lists, and no thought of speed.

It says which packets each peer must hear. Of NOOP it says nothing: whom a job wakes is the broker's choice.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from geartrain.broker.model import NORMAL, PRIORITIES
from geartrain.protocol.commands import (
    ERROR,
    JOB_ASSIGN_UNIQ,
    JOB_CREATED,
    NO_JOB,
    WORK_COMPLETE,
    WORK_DATA,
    WORK_EXCEPTION,
    WORK_FAIL,
)
from tests.wire import Packet


@dataclass(eq=False)
class ExpectedPeer:
    """A connection and what it must hear at the end of the turn."""

    abilities: dict[bytes, float] = field(default_factory=dict)  # by function, with the time limit or 0
    turns: list[bytes] = field(
        default_factory=list
    )  # the same functions in the order in which they are served
    hears: list[Packet] = field(default_factory=list)
    runs: list[ExpectedJob] = field(default_factory=list)
    worker: bool = False  # it has said CAN_DO
    exceptions: bool = False
    asleep: bool = False  # it said PRE_SLEEP and has neither heard NOOP nor grabbed since
    woken: bool = False  # it heard NOOP and has neither grabbed nor said PRE_SLEEP since


@dataclass(eq=False)
class ExpectedJob:
    """A job that must be known."""

    handle: bytes
    function: bytes
    unique: bytes
    workload: bytes
    priority: int
    background: bool
    place: int
    run_at: float = 0.0
    delayed: bool = False
    clients: list[ExpectedPeer] = field(default_factory=list)  # one entry a submit
    worker: ExpectedPeer | None = None
    time_limit: tuple[float, int] | None = None  # when it ends, and which was set before which
    attempts: int = 0
    losses: int = 0  # executions in a row that were lost or over their time limit
    late: list[ExpectedPeer] = field(
        default_factory=list
    )  # who were over it, and may bring the whole result yet

    def is_ready(self) -> bool:
        return self.worker is None and not self.delayed

    def tell(self, packet: Packet) -> None:
        for client in self.clients:
            client.hears.append(packet)


class ExpectedServer:
    """What must be so."""

    def __init__(self, job_retries: int, max_lost: int, now: float, clock: float) -> None:
        self.job_retries = job_retries
        self.max_lost = max_lost
        self.now = now
        self.clock = clock
        self.jobs: list[ExpectedJob] = []  # in the order of their handles
        self.functions: list[bytes] = []
        self.limits: dict[bytes, int] = {}
        self.hungry: list[ExpectedPeer] = []
        self.last_handle = 0
        self.last_place = 0
        self.last_assignment = 0

    # Questions

    def jobs_of(self, function: bytes) -> list[ExpectedJob]:
        return [job for job in self.jobs if job.function == function]

    def queued(self, function: bytes, priority: int) -> int:
        return sum(job.worker is None and job.priority == priority for job in self.jobs_of(function))

    def running(self, function: bytes) -> int:
        return sum(job.worker is not None for job in self.jobs_of(function))

    def has_work(self, function: bytes) -> bool:
        return any(job.is_ready() for job in self.jobs_of(function))

    def is_beside_work(self, peer: ExpectedPeer) -> bool:
        """Whether there is a job that the peer could have now."""
        return any(self.has_work(function) for function in peer.abilities)

    def equal(self, function: bytes, unique: bytes, workload: bytes) -> ExpectedJob | None:
        for job in self.jobs_of(function):
            if unique and job.unique == unique and (unique != b"-" or b"" != workload == job.workload):
                return job
        return None

    # Requests

    def can_do(self, peer: ExpectedPeer, function: bytes, time_limit: float) -> None:
        self.create(function)
        if function not in peer.abilities:
            peer.turns.insert(0, function)
        peer.abilities[function] = time_limit
        peer.worker = True

    def cant_do(self, peer: ExpectedPeer, function: bytes) -> None:
        if function in peer.abilities:
            del peer.abilities[function]
            peer.turns.remove(function)

    def reset_abilities(self, peer: ExpectedPeer) -> None:
        peer.abilities.clear()
        peer.turns.clear()

    def pre_sleep(self, peer: ExpectedPeer) -> None:
        peer.asleep = True

    def submit(
        self,
        peer: ExpectedPeer,
        function: bytes,
        unique: bytes,
        workload: bytes,
        priority: int,
        background: bool,
    ) -> None:
        self.add(peer, self.new_job(function, unique, workload, priority, background))

    def submit_epoch(self, peer: ExpectedPeer, function: bytes, unique: bytes, epoch: int) -> None:
        job = self.new_job(function, unique, b"", NORMAL, True)
        job.run_at = epoch
        job.delayed = epoch > self.clock
        self.add(peer, job)

    def new_job(
        self, function: bytes, unique: bytes, workload: bytes, priority: int, background: bool
    ) -> ExpectedJob:
        handle = b"H:test:%d" % (self.last_handle + 1)
        return ExpectedJob(handle, function, unique, workload, priority, background, self.last_place + 1)

    def add(self, peer: ExpectedPeer, job: ExpectedJob) -> None:
        """Join an equal job, refuse this one, or take it."""
        background = job.background
        self.create(job.function)
        equal = self.equal(job.function, job.unique, job.workload)
        if equal is not None:
            job = equal
        elif 0 < self.limits.get(job.function, 0) <= len(self.jobs_of(job.function)):
            peer.hears.append((ERROR, b"QUEUE_ERROR", b"Job queue is full"))
            return
        else:
            self.last_handle += 1
            self.last_place += 1
            self.jobs.append(job)
        job.background = job.background or background
        if not background:
            job.clients.append(peer)
        peer.hears.append((JOB_CREATED, job.handle))

    def grab(self, peer: ExpectedPeer) -> None:
        peer.asleep = False
        peer.woken = False
        assignment = self.next_assignment(peer)
        peer.hears.append(assignment or (NO_JOB,))
        if assignment is None:
            self.hungry.append(peer)

    def next_assignment(self, peer: ExpectedPeer) -> Packet | None:
        for priority in range(len(PRIORITIES)):
            for function in peer.turns:
                ready = [job for job in self.jobs_of(function) if job.is_ready() and job.priority == priority]
                if ready:
                    return self.assign(min(ready, key=lambda job: job.place), peer)
        return None

    def assign(self, job: ExpectedJob, peer: ExpectedPeer) -> Packet:
        peer.turns.remove(job.function)
        peer.turns.append(job.function)
        peer.runs.append(job)
        job.worker = peer
        time_limit = peer.abilities[job.function]
        self.last_assignment += 1
        job.time_limit = (self.now + time_limit, self.last_assignment) if time_limit else None
        return (JOB_ASSIGN_UNIQ, job.handle, job.function, job.unique, job.workload)

    def work_data(self, peer: ExpectedPeer, handle: bytes) -> None:
        job = self.job_run_by(peer, handle, b"Job does not exist on server")
        for known in self.jobs:
            if known.handle == handle and job is None and peer in known.late:
                known.late.remove(peer)  # its result would not be whole
        if job is not None:
            job.late = [late for late in job.late if late is peer]
            job.tell((WORK_DATA, handle, b"some"))

    def work_complete(self, peer: ExpectedPeer, handle: bytes) -> None:
        job = self.job_run_by(peer, handle, b"Job given in work result not found")
        if job is not None:
            self.end(job, (WORK_COMPLETE, handle, b"done"))

    def work_fail(self, peer: ExpectedPeer, handle: bytes) -> None:
        job = self.job_run_by(peer, handle, b"Job given in work result not found")
        if job is not None:
            self.end(job, (WORK_FAIL, handle))

    def work_exception(self, peer: ExpectedPeer, handle: bytes) -> None:
        job = self.job_run_by(peer, handle, b"An exception was received for a job that does not exist")
        if job is None:
            return
        for client in job.clients:
            client.hears.append((WORK_EXCEPTION, handle, b"no") if client.exceptions else (WORK_FAIL, handle))
        job.clients.clear()
        self.end(job, (WORK_FAIL, handle))

    def job_run_by(self, peer: ExpectedPeer, handle: bytes, refusal: bytes) -> ExpectedJob | None:
        for job in peer.runs:
            if job.handle == handle:
                return job
        for job in self.jobs:
            if job.handle == handle and job.worker is None and peer in job.late:
                return job
        if not peer.worker:
            peer.hears.append((ERROR, b"JOB_NOT_FOUND", refusal))
        return None

    def end(self, job: ExpectedJob, last_word: Packet) -> None:
        job.tell(last_word)
        self.release(job)
        self.jobs.remove(job)

    def release(self, job: ExpectedJob) -> None:
        if job.worker is not None:
            job.worker.runs.remove(job)
        job.worker = None
        job.time_limit = None

    # The operator

    def create(self, function: bytes) -> None:
        if function not in self.functions:
            self.functions.append(function)

    def cancel(self, handle: bytes) -> bytes:
        for job in self.jobs:
            if job.handle == handle:
                self.end(job, (WORK_FAIL, handle))
                return b"OK\r\n"
        return b"ERR UNKNOWN_JOB\r\n"

    def drop(self, function: bytes, workers: int) -> bytes:
        if function not in self.functions:
            return b"ERR function not found\r\n"
        if workers or self.running(function):
            return b"ERR there are still connected workers or executing clients\r\n"
        for job in self.jobs_of(function):
            self.end(job, (WORK_FAIL, job.handle))
        self.functions.remove(function)
        return b"OK\r\n"

    # What happens by itself

    def disconnect(self, peer: ExpectedPeer) -> None:
        self.reset_abilities(peer)
        for job in list(self.jobs):
            if peer not in job.clients:
                continue
            job.clients = [client for client in job.clients if client is not peer]
            if not job.clients and not job.background and job.worker is None:
                self.jobs.remove(job)
        for job in list(peer.runs):
            self.lose(job)

    def lose(self, job: ExpectedJob) -> None:
        self.release(job)
        job.attempts += 1
        job.losses += 1
        if not job.clients and not job.background:
            self.jobs.remove(job)
        elif 0 <= self.job_retries <= job.attempts or self.job_retries < 0 < self.max_lost <= job.losses:
            self.end(job, (WORK_FAIL, job.handle))
        else:
            self.last_place += 1
            job.place = self.last_place

    def end_turn(self) -> None:
        """Let due jobs be ready, lose late ones, and give what there is to the workers that got NO_JOB."""
        for job in self.jobs:
            job.delayed = job.delayed and job.run_at > self.clock
        late = [
            (job.time_limit, job) for job in self.jobs if job.time_limit and job.time_limit[0] <= self.now
        ]
        for _, job in sorted(late):
            if job.worker is not None:
                job.late = [peer for peer in job.late if peer is not job.worker] + [job.worker]
            self.lose(job)
        for peer in self.hungry:
            if peer.hears[-1] == (NO_JOB,) and not peer.asleep:
                peer.hears[-1] = self.next_assignment(peer) or (NO_JOB,)
        self.hungry.clear()
