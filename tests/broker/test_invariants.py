"""Arbitrary packets from many connections, against a server so simple that one can see it is right.

``pytest --hypothesis-profile=torture --timeout=0 tests/broker`` tries 20 times as much.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from geartrain.broker.agenda import wait
from geartrain.broker.deadlines import NEVER
from geartrain.broker.model import HIGH, LOW, NORMAL, PRIORITIES, job_by_handle
from geartrain.broker.rules import Rules
from geartrain.broker.sleepers import PATIENCE
from geartrain.protocol.commands import (
    CAN_DO,
    CAN_DO_TIMEOUT,
    CANT_DO,
    GRAB_JOB_UNIQ,
    NO_JOB,
    NOOP,
    OPTION_REQ,
    OPTION_RES,
    PRE_SLEEP,
    RESET_ABILITIES,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    SUBMIT_JOB_EPOCH,
    SUBMIT_JOB_HIGH,
    SUBMIT_JOB_HIGH_BG,
    SUBMIT_JOB_LOW,
    SUBMIT_JOB_LOW_BG,
    WORK_COMPLETE,
    WORK_DATA,
    WORK_EXCEPTION,
    WORK_FAIL,
)
from geartrain.protocol.packet import request
from tests.broker.expected import ExpectedPeer, ExpectedServer
from tests.broker.witness import Witness
from tests.wire import Build, MemoryServer, OneBroker, Peer

PEERS = 4
SUBMITS = [
    (SUBMIT_JOB, NORMAL, False),
    (SUBMIT_JOB_BG, NORMAL, True),
    (SUBMIT_JOB_HIGH, HIGH, False),
    (SUBMIT_JOB_HIGH_BG, HIGH, True),
    (SUBMIT_JOB_LOW, LOW, False),
    (SUBMIT_JOB_LOW_BG, LOW, True),
]

peers = st.integers(0, PEERS - 1)
functions = st.sampled_from([b"f", b"g"])
uniques = st.sampled_from([b"", b"u", b"u", b"-"])
workloads = st.sampled_from([b"", b"a", b"b"])
submits = st.sampled_from(SUBMITS)
numbers = st.integers(0, 1000)


class Conversation(RuleBasedStateMachine):
    """What the real broker does beside what the simple one expects."""

    build: ClassVar[Build] = OneBroker

    @initialize(
        job_retries=st.sampled_from([-1, -1, -1, 0, 2]),
        max_lost=st.sampled_from([0, 1, 2, 3]),
        worker_wakeup=st.sampled_from([1, 2, 0]),
    )
    def starts(self, job_retries: int, max_lost: int, worker_wakeup: int) -> None:
        rules = Rules(
            prefix=b"H:test", job_retries=job_retries, max_lost=max_lost, worker_wakeup=worker_wakeup
        )
        self.server = MemoryServer(rules, build=type(self).build)
        self.broker = self.server.broker
        self.expected = ExpectedServer(job_retries, max_lost, self.server.now, self.server.clock)
        self.operator = self.server.connect()
        self.pairs = [(self.server.connect(), ExpectedPeer()) for _ in range(PEERS)]
        self.witness = Witness(self.server)
        self.heard_noop: list[ExpectedPeer] = []
        for peer in range(PEERS - 1):
            self.can_do(peer, b"f", peer)

    # What peers say

    @rule(peer=peers, function=functions, time_limit=st.sampled_from([0, 0, 1, 3]))
    def can_do(self, peer: int, function: bytes, time_limit: int) -> None:
        real, expected = self.pairs[peer]
        self.expected.can_do(expected, function, time_limit)
        if time_limit:
            self.turn(real, CAN_DO_TIMEOUT, function, b"%d" % (time_limit * 1000))
        else:
            self.turn(real, CAN_DO, function)

    @rule(peer=peers, function=functions)
    def cant_do(self, peer: int, function: bytes) -> None:
        real, expected = self.pairs[peer]
        self.expected.cant_do(expected, function)
        self.turn(real, CANT_DO, function)

    @rule(peer=peers)
    def reset_abilities(self, peer: int) -> None:
        real, expected = self.pairs[peer]
        self.expected.reset_abilities(expected)
        self.turn(real, RESET_ABILITIES)

    @rule(peer=peers)
    def option_req(self, peer: int) -> None:
        real, expected = self.pairs[peer]
        expected.exceptions = True
        expected.hears.append((OPTION_RES, b"exceptions"))
        self.turn(real, OPTION_REQ, b"exceptions")

    @rule(peer=peers, submit=submits, function=functions, unique=uniques, workload=workloads)
    def submit(
        self, peer: int, submit: tuple[int, int, bool], function: bytes, unique: bytes, workload: bytes
    ) -> None:
        real, expected = self.pairs[peer]
        command, priority, background = submit
        self.expected.submit(expected, function, unique, workload, priority, background)
        self.turn(real, command, function, unique, workload)

    @rule(peer=peers, function=functions, unique=uniques, delay=st.integers(-2, 5))
    def submit_job_epoch(self, peer: int, function: bytes, unique: bytes, delay: int) -> None:
        real, expected = self.pairs[peer]
        epoch = max(int(self.server.clock) + delay, 0)
        self.expected.submit_epoch(expected, function, unique, epoch)
        self.turn(real, SUBMIT_JOB_EPOCH, function, unique, b"%d" % epoch, b"")

    @rule(peer=peers)
    def grab(self, peer: int) -> None:
        real, expected = self.pairs[peer]
        self.expected.grab(expected)
        self.turn(real, GRAB_JOB_UNIQ)

    @rule(peer=peers)
    def pre_sleep(self, peer: int) -> None:
        real, expected = self.pairs[peer]
        must_wake = self.expected.is_beside_work(expected) and not expected.woken
        self.expected.pre_sleep(expected)
        expected.woken = False
        self.turn(real, PRE_SLEEP)
        assert (expected in self.heard_noop) == must_wake

    @rule()
    def everybody_sleeps_who_has_nothing_to_do(self) -> None:
        for peer, (_, expected) in enumerate(self.pairs):
            if not self.expected.is_beside_work(expected):
                self.grab(peer)
                self.pre_sleep(peer)

    @rule(peer=peers, number=numbers)
    def work_data(self, peer: int, number: int) -> None:
        self.report(peer, number, WORK_DATA, self.expected.work_data, b"some")

    @rule(peer=peers, number=numbers)
    def work_complete(self, peer: int, number: int) -> None:
        self.report(peer, number, WORK_COMPLETE, self.expected.work_complete, b"done")

    @rule(peer=peers, number=numbers)
    def work_fail(self, peer: int, number: int) -> None:
        self.report(peer, number, WORK_FAIL, self.expected.work_fail)

    @rule(peer=peers, number=numbers)
    def work_exception(self, peer: int, number: int) -> None:
        self.report(peer, number, WORK_EXCEPTION, self.expected.work_exception, b"no")

    def report(
        self,
        peer: int,
        number: int,
        command: int,
        expect: Callable[[ExpectedPeer, bytes], None],
        *report: bytes,
    ) -> None:
        """Say something of a job: mostly of one that the peer runs, else of any that ever was, or of none."""
        real, expected = self.pairs[peer]
        handle = b"H:test:%d" % (number % (self.expected.last_handle + 2))
        if expected.runs and number % 5:
            handle = expected.runs[number % len(expected.runs)].handle
        expect(expected, handle)
        self.turn(real, command, handle, *report)

    @rule(number=numbers, command=st.sampled_from([WORK_DATA, WORK_COMPLETE, WORK_FAIL, WORK_EXCEPTION]))
    def somebody_speaks_late(self, number: int, command: int) -> None:
        """Of a job that was taken from it for its time limit, whoever has that by now."""
        late = [(peer, job.handle) for job in self.expected.jobs for peer in job.late]
        if not late:
            return
        expected, handle = late[number % len(late)]
        if expected not in [peer for _, peer in self.pairs]:  # it has left
            return
        expect, report = {
            WORK_DATA: (self.expected.work_data, [b"some"]),
            WORK_COMPLETE: (self.expected.work_complete, [b"done"]),
            WORK_FAIL: (self.expected.work_fail, []),
            WORK_EXCEPTION: (self.expected.work_exception, [b"no"]),
        }[command]
        expect(expected, handle)
        self.turn(self.real(expected), command, handle, *report)

    @rule(order=st.permutations(range(PEERS)), submit=submits, function=functions)
    def several_speak_in_one_turn(
        self, order: list[int], submit: tuple[int, int, bool], function: bytes
    ) -> None:
        """In any order: one grabs, one grabs and goes to sleep at once, and the others submit."""
        command, priority, background = submit
        said: list[tuple[Peer, bytes]] = []
        for position in order:
            real, expected = self.pairs[position]
            if position > 1:
                self.expected.submit(expected, function, b"", b"", priority, background)
                said.append((real, request(command, function, b"", b"")))
                continue
            self.expected.grab(expected)
            said.append((real, request(GRAB_JOB_UNIQ)))
            if position == 1 and expected.hears[-1] == (NO_JOB,):
                self.expected.pre_sleep(expected)
                said.append((real, request(PRE_SLEEP)))
        self.server.hears_at_once(*said)
        self.listen()

    @rule(peer=peers)
    def leaves(self, peer: int) -> None:
        real, expected = self.pairs[peer]
        self.expected.disconnect(expected)
        real.leaves()
        self.pairs[peer] = (self.server.connect(), ExpectedPeer())
        self.listen()

    # What the operator says

    @rule(number=numbers)
    def cancel(self, number: int) -> None:
        handle = b"H:test:%d" % (number % (self.expected.last_handle + 2))
        assert self.operator.types(b"cancel job " + handle) == self.expected.cancel(handle)
        self.listen()

    @rule(function=functions)
    def drop(self, function: bytes) -> None:
        workers = sum(function in expected.abilities for _, expected in self.pairs)
        answer = self.operator.types(b"drop function " + function)
        assert answer == self.expected.drop(function, workers)
        self.listen()

    @rule(function=functions, limit=st.sampled_from([0, 0, 2, 6]))
    def maxqueue(self, function: bytes, limit: int) -> None:
        self.expected.limits[function] = limit
        assert self.operator.types(b"maxqueue %b %d" % (function, limit)) == b"OK\r\n"
        self.listen()

    # Time

    @rule(seconds=st.sampled_from([0.01, PATIENCE * 1.01, 0.5, 1.0, 3.0]))
    def time_passes(self, seconds: float) -> None:
        neglected = self.neglected()
        self.server.passes(seconds)
        self.listen()
        if seconds < PATIENCE:
            return
        for function in neglected:
            assert any(function in peer.abilities for peer in self.heard_noop)

    @rule(seconds=st.sampled_from([-3600, -3, 3, 3600]))
    def the_clock_is_set(self, seconds: int) -> None:
        self.server.sets_clock(self.server.clock + seconds)
        self.listen()

    # What must be so

    def turn(self, real: Peer, command: int, *arguments: bytes) -> None:
        """One packet in a turn of its own."""
        real.says(command, *arguments)
        self.listen()

    def listen(self) -> None:
        """End the expected turn too; every peer has heard what it must, and no NOOP but one for each sleep."""
        self.expected.now, self.expected.clock = self.server.now, self.server.clock
        self.expected.end_turn()
        self.heard_noop = []
        for real, expected in self.pairs:
            heard = real.heard()
            noops = heard.count((NOOP,))
            assert [packet for packet in heard if packet != (NOOP,)] == expected.hears
            expected.hears.clear()
            if not noops:
                continue
            assert noops == 1
            assert expected.asleep
            assert self.expected.is_beside_work(expected)
            expected.asleep = False
            expected.woken = True
            self.heard_noop.append(expected)

    def neglected(self) -> list[bytes]:
        """The functions that have both a ready job and a sleeping worker."""
        return [
            function
            for function in self.expected.functions
            if self.expected.has_work(function)
            and any(peer.asleep and function in peer.abilities for _, peer in self.pairs)
        ]

    @invariant()
    def the_jobs_are_those_that_were_acknowledged_and_not_ended(self) -> None:
        assert [job.handle for job in self.broker.jobs.values()] == [job.handle for job in self.expected.jobs]
        for job in self.expected.jobs:
            real = job_by_handle(self.broker.jobs, job.handle)
            assert real is not None
            assert (real.function.name, real.unique, real.workload) == (
                job.function,
                job.unique,
                job.workload,
            )
            assert (real.priority, real.background, real.attempts, real.losses) == (
                job.priority,
                job.background,
                job.attempts,
                job.losses,
            )
            assert real.queued == job.is_ready()
            assert self.connections(real.clients) == [self.place_of(client) for client in job.clients]
            assert real.worker is (None if job.worker is None else self.real(job.worker).connection)

    def connections(self, found: object) -> list[int]:
        """Connections by their place among the peers."""
        all_connections = [real.connection for real, _ in self.pairs]
        assert isinstance(found, list | None)
        return [all_connections.index(connection) for connection in found or []]

    def place_of(self, peer: ExpectedPeer) -> int:
        return [expected for _, expected in self.pairs].index(peer)

    def real(self, peer: ExpectedPeer) -> Peer:
        return self.pairs[self.place_of(peer)][0]

    @invariant()
    def counters_are_what_the_lists_hold(self) -> None:
        assert list(self.broker.functions) == self.expected.functions
        for name, function in self.broker.functions.items():
            assert function.running == self.expected.running(name)
            assert function.total() == len(self.expected.jobs_of(name))
            for priority in range(len(PRIORITIES)):
                assert function.queued(priority) == self.expected.queued(name, priority)
            able = {real.connection for real, expected in self.pairs if name in expected.abilities}
            assert set(function.workers) == able
            assert set(function.sleepers) == {connection for connection in able if connection.asleep}
        for real, expected in self.pairs:
            connection = real.connection
            assert [function.name for function in connection.abilities] == expected.turns
            assert list(connection.running) == [job.handle for job in expected.runs]
            assert real.asleep == expected.asleep

    @invariant()
    def a_worker_sleeps_beside_its_work_only_while_somebody_is_to_be_woken(self) -> None:
        sleepers = self.broker.sleepers
        for name in self.neglected():
            assert self.broker.functions[name] in sleepers.watched
            assert sleepers.look_again != NEVER
            assert wait(self.broker) <= PATIENCE

    @invariant()
    def events_and_totals_tell_what_happened(self) -> None:
        self.witness.looks()

    @invariant()
    def memory_is_gone_when_jobs_are_gone(self) -> None:
        broker = self.broker
        known = set(broker.jobs.values())
        assert known.issuperset(
            job for connection in broker.connections for job in connection.running.values()
        )
        assert known.issuperset(job for connection in broker.connections for job in connection.waiting)
        at_leisure = [broker.delayed.heap, broker.countdowns.heap, broker.time_limits.heap]
        kept = [[entry[2] for entry in heap] for heap in at_leisure]
        for function in [*broker.functions.values(), *broker.sleepers.watched]:
            assert known.issuperset(function.uniques.values())
            assert known.issuperset(function.contents.values())
            assert known.issuperset(entry[1] for entry in function.due)
            kept += [list(queue.jobs) for queue in function.queues]
        # Where a job is removed from the middle, it may stay until such jobs are more than the others.
        for jobs in kept:
            assert len(known.intersection(jobs)) * 2 >= len(jobs)
        assert not broker.hungry
        assert not broker.sleepers.called


TestConversation = Conversation.TestCase
TestConversation.settings = settings(max_examples=2 * settings().max_examples)
