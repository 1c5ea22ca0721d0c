"""Arbitrary packets while leaders answer late, die and are followed: what each peer hears is what it must hear.

``pytest --hypothesis-profile=torture --timeout=0 tests/relay`` tries 20 times as much.
"""

from __future__ import annotations

from collections import Counter, deque

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from geartrain.broker.endings import lose
from geartrain.broker.model import job_by_handle
from geartrain.broker.shards import shard_of, shard_of_handle
from geartrain.protocol.commands import (
    CAN_DO,
    CANT_DO,
    ECHO_REQ,
    ECHO_RES,
    ERROR,
    GET_STATUS,
    GRAB_JOB,
    JOB_ASSIGN,
    JOB_CREATED,
    NO_JOB,
    NOOP,
    PRE_SLEEP,
    RESET_ABILITIES,
    STATUS_RES,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    WORK_COMPLETE,
    WORK_DATA,
    WORK_EXCEPTION,
    WORK_FAIL,
    WORK_STATUS,
)
from geartrain.protocol.packet import HEADER, HEADER_SIZE, request
from tests.relay.memory import HOLD, MemoryPool
from tests.wire import packets

PEERS = 4
FUNCTIONS = [b"f0", b"f1", b"f2", b"f3"]
FINAL = (WORK_COMPLETE, WORK_FAIL, WORK_EXCEPTION)

peers = st.integers(0, PEERS - 1)
functions = st.sampled_from(FUNCTIONS)
shards = st.integers(0, 2)
few = st.integers(1, 3)


class Jobs:
    """What peers know of jobs, all together."""

    def __init__(self) -> None:
        self.workloads: dict[bytes, bytes] = {}  # by handle
        self.assigned: set[bytes] = set()  # handles of those that any worker was given
        self.running: set[bytes] = set()  # of those that a worker has


class Caller:
    """A peer that checks what it hears."""

    def __init__(self, pool: MemoryPool, jobs: Jobs) -> None:
        self.pool = pool
        self.jobs = jobs
        self.front = pool.hub.connect(0, b"127.0.0.1")
        self.asked: deque[tuple[int, bytes, bytes]] = deque()  # type, and what the answer depends on
        self.runs: list[bytes] = []
        self.late: list[bytes] = []  # jobs that were taken from it, and that it still works on
        self.waits: Counter[bytes] = Counter()  # submits without a final packet, by handle
        self.kept: list[bytes] = []  # background jobs that were acknowledged
        self.sleeps = 0  # PRE_SLEEP packets less NOOP packets

    def says(self, command: int, *arguments: bytes) -> None:
        self.front.receive(request(command, *arguments))

    def asks(self, command: int, *arguments: bytes) -> None:
        self.asked.append((command, arguments[0] if arguments else b"", arguments[-1] if arguments else b""))
        self.says(command, *arguments)

    def types(self, line: bytes) -> None:
        self.asked.append((0, line, b""))
        self.front.receive(line + b"\n")

    def listens(self) -> None:
        """Check everything that came."""
        received = self.front.connection.take_outgoing()
        while received:
            if received[0]:
                received = self.hears_text(received)
                continue
            length = HEADER_SIZE + HEADER.unpack_from(received)[2]
            [(command, *arguments)] = packets(received[:length])
            received = received[length:]
            self.hears(command, arguments)

    def hears_text(self, received: bytes) -> bytes:
        """An answer to a text line; what follows it."""
        _, line, _ = self.asked.popleft()
        if line == b"version":
            assert received.startswith(b"OK 1.2.3\n")
        else:
            assert line == b"status"
        end = b"\n" if received.startswith((b"OK", b"ERR")) else b".\n"
        return received[received.index(end) + len(end) :]

    def hears(self, command: int, arguments: list[bytes]) -> None:
        if command == NOOP:
            self.sleeps -= 1
            assert self.sleeps >= 0
        elif command in (WORK_DATA, WORK_STATUS):
            assert self.waits[arguments[0]]
        elif command in FINAL:
            self.waits[arguments[0]] -= 1
            assert self.waits[arguments[0]] >= 0
        else:
            self.hears_answer(command, arguments)

    def hears_answer(self, command: int, arguments: list[bytes]) -> None:
        """It is the answer to the oldest question."""
        asked, first, last = self.asked.popleft()
        if asked == ECHO_REQ:
            assert (command, arguments) == (ECHO_RES, [first])
        elif asked == GRAB_JOB:
            assert command in (NO_JOB, JOB_ASSIGN)
            if command == JOB_ASSIGN:
                self.is_given(arguments[0], arguments[2])
        elif command == ERROR:
            assert arguments[0] == b"QUEUE_ERROR"
        elif asked == GET_STATUS:
            assert (command, arguments[0]) == (STATUS_RES, first)
        else:
            assert command == JOB_CREATED
            self.hears_handle(asked, first, last, arguments[0])

    def hears_handle(self, asked: int, function: bytes, workload: bytes, handle: bytes) -> None:
        """A job is of the function that was asked for, and has the workload, if that has been seen."""
        assert shard_of_handle(handle, self.pool.shards) == shard_of(function, self.pool.shards)
        assert self.jobs.workloads.setdefault(handle, workload) == workload
        if asked == SUBMIT_JOB:
            self.waits[handle] += 1
        else:
            self.kept.append(handle)

    def is_given(self, handle: bytes, workload: bytes) -> None:
        """A job comes to one worker at a time."""
        assert self.jobs.workloads.setdefault(handle, workload) == workload
        assert handle not in self.jobs.running
        self.jobs.running.add(handle)
        self.jobs.assigned.add(handle)
        self.runs.append(handle)

    def ends(self, command: int, *result: bytes) -> None:
        """Say how its oldest job ended."""
        handle = self.runs.pop(0)
        self.jobs.running.remove(handle)
        self.says(command, handle, *result)

    def leaves(self) -> None:
        self.listens()
        self.pool.hub.disconnect(self.front)
        self.jobs.running.difference_update(self.runs)


class Interleavings(RuleBasedStateMachine):
    @initialize(several=st.booleans())
    def starts(self, several: bool) -> None:
        self.pool = MemoryPool(3 if several else 1)
        self.jobs = Jobs()
        self.callers = [Caller(self.pool, self.jobs) for _ in range(PEERS)]
        self.gone: list[Caller] = []
        self.number = 0
        for caller in self.callers[1:]:
            for function in FUNCTIONS:
                caller.says(CAN_DO, function)

    # What peers say

    @rule(peer=peers)
    def echo(self, peer: int) -> None:
        self.number += 1
        self.callers[peer].asks(ECHO_REQ, b"%d" % self.number)

    @rule(peer=peers, function=functions, background=st.booleans(), joins=st.booleans())
    def submit(self, peer: int, function: bytes, background: bool, joins: bool) -> None:
        self.number += 1
        command = SUBMIT_JOB_BG if background else SUBMIT_JOB
        unique, workload = (b"u", function) if joins else (b"", b"%d" % self.number)
        self.callers[peer].asks(command, function, unique, workload)

    @rule(peer=peers)
    def get_status(self, peer: int) -> None:
        self.number += 1
        self.callers[peer].asks(GET_STATUS, b"H:asked:%d" % self.number)

    @rule(peer=peers, line=st.sampled_from([b"status", b"version"]))
    def types(self, peer: int, line: bytes) -> None:
        self.callers[peer].types(line)

    @rule(peer=peers, function=functions)
    def can_do(self, peer: int, function: bytes) -> None:
        self.callers[peer].says(CAN_DO, function)

    @rule(peer=peers, function=functions)
    def cant_do(self, peer: int, function: bytes) -> None:
        self.callers[peer].says(CANT_DO, function)

    @rule(peer=peers)
    def reset_abilities(self, peer: int) -> None:
        self.callers[peer].says(RESET_ABILITIES)

    @rule(peer=peers)
    def grab(self, peer: int) -> None:
        self.callers[peer].asks(GRAB_JOB)

    @rule(peer=peers)
    def pre_sleep(self, peer: int) -> None:
        self.callers[peer].sleeps += 1
        self.callers[peer].says(PRE_SLEEP)

    @rule(peer=peers, command=st.sampled_from([WORK_DATA, WORK_COMPLETE, WORK_COMPLETE, WORK_FAIL]))
    def work(self, peer: int, command: int) -> None:
        runners = [caller for caller in self.callers if caller.runs]
        if not runners:
            return
        caller = runners[peer % len(runners)]
        if command == WORK_DATA:
            caller.says(WORK_STATUS, caller.runs[0], b"1", b"2")
            caller.says(WORK_DATA, caller.runs[0], b"part")
        elif command == WORK_COMPLETE:
            caller.ends(WORK_COMPLETE, b"done")
        else:
            caller.ends(WORK_FAIL)

    @rule(peer=peers, shard=shards)
    def is_over_its_time_limit(self, peer: int, shard: int) -> None:
        """The worker's front has heard of it: a leader says so before it gives the job again (test_executions)."""
        caller = self.callers[peer]
        leader = self.pool.leaders[shard % self.pool.shards]
        if leader is None:
            return
        for handle in list(caller.runs):
            job = job_by_handle(leader.broker.jobs, handle)
            if job is not None and job.worker is not None:
                lose(leader.broker, job, "timeout")
                caller.runs.remove(handle)
                self.jobs.running.remove(handle)
                caller.late.append(handle)
                self.pool.hub.fence(shard % self.pool.shards, caller.front.number, [handle])
                return

    @rule(peer=peers, command=st.sampled_from([WORK_DATA, WORK_COMPLETE, WORK_COMPLETE, WORK_FAIL]))
    def speaks_late(self, peer: int, command: int) -> None:
        caller = self.callers[peer]
        for handle in caller.late[:1]:
            if handle in caller.runs:  # it was given the job again
                return
            if command != WORK_DATA:
                caller.late.remove(handle)
            caller.says(command, handle, *([] if command == WORK_FAIL else [b"late"]))

    @rule(peer=peers)
    def leaves(self, peer: int) -> None:
        self.callers[peer].leaves()
        self.gone.append(self.callers[peer])
        self.callers[peer] = Caller(self.pool, self.jobs)

    # What leaders do

    @rule(shard=shards, frames=few)
    def leader_works(self, shard: int, frames: int) -> None:
        leader = self.pool.leaders[shard % self.pool.shards]
        if leader is not None:
            leader.work(frames)

    @rule(shard=shards, replies=few)
    def leader_speaks(self, shard: int, replies: int) -> None:
        leader = self.pool.leaders[shard % self.pool.shards]
        if leader is not None:
            leader.speak(replies)
        self.listen()

    @rule()
    def all_leaders_work_and_speak(self) -> None:
        self.pool.turns()
        self.listen()

    @rule()
    def all_workers_grab(self) -> None:
        for caller in self.callers[1:]:
            caller.asks(GRAB_JOB)
        self.pool.turns()
        self.listen()

    @rule(shard=shards)
    def leader_is_lost(self, shard: int) -> None:
        self.pool.loses(shard % self.pool.shards)

    @rule(shard=shards)
    def leader_follows(self, shard: int) -> None:
        self.pool.follows(shard % self.pool.shards)

    @rule(seconds=st.sampled_from([0.1, 0.3, HOLD]))
    def time_passes(self, seconds: float) -> None:
        self.pool.clock(seconds)
        self.pool.hub.tick()
        self.listen()

    def listen(self) -> None:
        for caller in self.callers:
            caller.listens()

    # What must be so in the end

    def teardown(self) -> None:
        """All leaders are there and all jobs are done: everybody has heard everything, and nothing was lost."""
        if not hasattr(self, "pool"):
            return
        finisher = Caller(self.pool, self.jobs)
        for function in FUNCTIONS:
            finisher.says(CAN_DO, function)
        self.callers.append(finisher)
        for rounds in (self.number + 3, 1):  # the last leaders find nothing left to do
            for shard in range(self.pool.shards):
                self.pool.follows(shard)
            for _ in range(rounds):
                self.everybody_works()
        for caller in self.callers:
            assert not caller.asked
            assert not +caller.waits
        for caller in self.callers + self.gone:
            assert set(caller.kept) <= self.jobs.assigned
        for shard in range(self.pool.shards):
            assert not self.pool.leader(shard).broker.jobs
        assert self.pool.hub.fronts.keys() == {caller.front.number for caller in self.callers}

    def everybody_works(self) -> None:
        for caller in self.callers:
            caller.asks(GRAB_JOB)
        self.pool.turns()
        self.listen()
        for caller in self.callers:
            while caller.runs:
                caller.ends(WORK_COMPLETE, b"done")
        self.pool.turns()
        self.listen()


TestInterleavings = Interleavings.TestCase
TestInterleavings.settings = settings(stateful_step_count=60)
