"""Arbitrary policies, set at any moment, under arbitrary traffic: no job is stuck, lost or handed out too soon.

``pytest --hypothesis-profile=torture --timeout=0 tests/broker`` tries more.
"""

from __future__ import annotations

from typing import ClassVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from geartrain.broker.agenda import wait
from geartrain.broker.batch import Batch
from geartrain.broker.deadlines import NEVER
from geartrain.broker.durability import take_batch
from geartrain.broker.endings import retry_later
from geartrain.broker.graveyard import discard, revive
from geartrain.broker.model import HIGH, LOW, NORMAL, Function
from geartrain.broker.policy import NO_POLICY
from geartrain.broker.policy_fields import REASONS
from geartrain.broker.rules import Rules
from geartrain.broker.sleepers import PATIENCE
from geartrain.protocol.commands import (
    CAN_DO,
    CANT_DO,
    GRAB_JOB_UNIQ,
    JOB_ASSIGN_UNIQ,
    JOB_CREATED,
    NO_JOB,
    NOOP,
    PRE_SLEEP,
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
from tests.broker.kept import KeptJobs
from tests.broker.witness import Witness
from tests.wire import Build, MemoryServer, OneBroker, Packet, Peer

PEERS = 4
NAMES = ["f", "g"]
FOREGROUND = (SUBMIT_JOB, SUBMIT_JOB_HIGH, SUBMIT_JOB_LOW)
BACKGROUND = (SUBMIT_JOB_BG, SUBMIT_JOB_HIGH_BG, SUBMIT_JOB_LOW_BG)
LAST_WORDS = (WORK_COMPLETE, WORK_FAIL, WORK_EXCEPTION)
DROPS = [b"drop function " + name.encode() for name in NAMES]
SLACK = 1e-3  # of a job, by which two ways to compute a rate may differ
ROUNDING = 1e-9  # seconds, of differences between times

peers = st.integers(0, PEERS - 1)
functions = st.sampled_from(NAMES)
fields: st.SearchStrategy[dict[str, object]] = st.one_of(
    st.fixed_dictionaries({"max_running": st.sampled_from([None, 1, 2])}),
    st.fixed_dictionaries({"rate": st.sampled_from([None, "2/s", "7/s", "30/s"])}),
    st.fixed_dictionaries({"paused": st.sampled_from([None, True, False])}),
    st.fixed_dictionaries({"draining": st.sampled_from([None, True])}),
    st.fixed_dictionaries({"max_queue": st.sampled_from([None, 3])}),
    st.fixed_dictionaries({"ttl": st.sampled_from([None, 1, 10])}),
    st.fixed_dictionaries({"timeout": st.sampled_from([None, 1, 3])}),
    st.fixed_dictionaries({"dead_letter": st.sampled_from([True, True, False])}),
    st.fixed_dictionaries({"keep_result": st.sampled_from([None, 3])}),
    st.fixed_dictionaries(
        {
            "retry": st.fixed_dictionaries(
                {
                    "attempts": st.sampled_from([None, 1, 3]),
                    "on": st.lists(st.sampled_from(REASONS), unique=True),
                    "delay": st.sampled_from([0, 0.3, 2]),
                    "foreground": st.booleans(),
                }
            )
        }
    ),
)


class ExpectedRate:
    """The jobs that a function may hand out by now, counted in the plainest way."""

    def __init__(self, rate: float, now: float) -> None:
        self.rate = rate
        self.capacity = max(1.0, rate / 10)
        self.tokens = self.capacity
        self.now = now

    def passes(self, now: float) -> None:
        self.tokens = min(self.capacity, self.tokens + (now - self.now) * self.rate)
        self.now = now


class Operations(RuleBasedStateMachine):
    """A server with a store, its peers, and an operator who changes policies."""

    build: ClassVar[Build] = OneBroker

    @initialize(
        wakes_more=st.booleans(),
        job_retries=st.sampled_from([-1, 2]),
        max_lost=st.sampled_from([0, 2]),
        policy=st.lists(fields, min_size=2, max_size=4),
    )
    def starts(
        self, wakes_more: bool, job_retries: int, max_lost: int, policy: list[dict[str, object]]
    ) -> None:
        rules = Rules(
            prefix=b"H:test",
            wakes_more=wakes_more,
            job_retries=job_retries,
            max_lost=max_lost,
            max_results=5,
        )
        self.store = KeptJobs()
        self.under_way: Batch | None = None
        self.begin(MemoryServer(rules, has_store=True, build=type(self).build))
        for some in [{"dead_letter": True, "keep_result": 3}, *policy]:
            self.sets_policy(NAMES[0], some)

    def begin(self, server: MemoryServer) -> None:
        """Have a server that nobody is connected to."""
        self.server = server
        self.broker = server.broker
        self.operator = server.connect()
        self.witness = Witness(server)
        self.peers = [server.connect() for _ in range(PEERS)]
        self.waiting: dict[Peer, set[bytes]] = {peer: set() for peer in self.peers}
        self.rates: dict[str, ExpectedRate] = {}
        for name in NAMES:
            self.expect_rate(name)
        for number in range(PEERS - 1):
            self.abilities_change(number, NAMES[0], CAN_DO)

    # What peers say

    @rule(peer=peers, function=functions, command=st.sampled_from([CAN_DO, CAN_DO, CANT_DO]))
    def abilities_change(self, peer: int, function: str, command: int) -> None:
        self.turn(self.peers[peer], command, function.encode())

    @rule(
        peer=peers,
        command=st.sampled_from([*FOREGROUND, *BACKGROUND]),
        function=functions,
        unique=st.sampled_from([b"", b"u", b"u", b"u", b"-"]),
    )
    def submit(self, peer: int, command: int, function: str, unique: bytes) -> None:
        self.turn(self.peers[peer], command, function.encode(), unique, b"a")

    @rule(peer=peers, function=functions, delay=st.integers(0, 3))
    def submit_job_epoch(self, peer: int, function: str, delay: int) -> None:
        epoch = b"%d" % (self.server.clock + delay)
        self.turn(self.peers[peer], SUBMIT_JOB_EPOCH, function.encode(), b"", epoch, b"a")

    @rule(peer=peers)
    def grab(self, peer: int) -> None:
        if not self.turn(self.peers[peer], GRAB_JOB_UNIQ):
            self.pre_sleep(peer)

    @rule(peer=peers)
    def pre_sleep(self, peer: int) -> None:
        self.turn(self.peers[peer], PRE_SLEEP)

    @rule()
    def everybody_works_as_far_as_there_is_work(self) -> None:
        for peer in self.peers:
            while self.turn(peer, GRAB_JOB_UNIQ):
                pass
            self.turn(peer, PRE_SLEEP)

    @rule(peer=peers, function=functions, jobs=st.integers(2, 6), command=st.sampled_from(BACKGROUND))
    def submits_many(self, peer: int, function: str, jobs: int, command: int) -> None:
        self.peers[peer].sends(request(command, function.encode(), b"", b"a") * jobs)
        self.listen()

    @rule(peer=peers, end=st.sampled_from([WORK_COMPLETE, WORK_FAIL, WORK_EXCEPTION]))
    def works_through_what_there_is(self, peer: int, end: int) -> None:
        for _ in range(20):
            self.reports(peer, end)
            if not self.turn(self.peers[peer], GRAB_JOB_UNIQ):
                return self.pre_sleep(peer)

    @rule(peer=peers, end=st.sampled_from([WORK_COMPLETE, WORK_FAIL, WORK_EXCEPTION, WORK_DATA]))
    def reports(self, peer: int, end: int) -> None:
        for handle in list(self.peers[peer].connection.running)[:1]:
            text = [] if end == WORK_FAIL else [b"text"]
            self.turn(self.peers[peer], end, handle, *text)

    @rule(end=st.sampled_from([WORK_COMPLETE, WORK_FAIL, WORK_EXCEPTION, WORK_DATA]))
    def somebody_reports_late(self, end: int) -> None:
        """Of a job that was taken from it for its time limit, whoever has that by now."""
        for job in list(self.broker.jobs.values()):
            for peer in self.peers:
                if peer.connection.serial in (job.late or ()):
                    text = [] if end == WORK_FAIL else [b"text"]
                    self.turn(peer, end, job.handle, *text)
                    return

    @rule(peer=peers, delay=st.sampled_from([0.0, 0.5]))
    def wants_to_try_later(self, peer: int, delay: float) -> None:
        for job in list(self.peers[peer].connection.running.values())[:1]:
            retry_later(self.broker, job, delay, b"later")
        self.pass_time(0)

    @rule(peer=peers)
    def leaves(self, peer: int) -> None:
        self.waiting.pop(self.peers[peer])
        self.peers[peer].leaves()
        self.peers[peer] = self.server.connect()
        self.waiting[self.peers[peer]] = set()
        self.listen()

    # What the operator does

    @rule(name=st.sampled_from([*NAMES, "*"]), fields=fields)
    def sets_policy(self, name: str, fields: dict[str, object]) -> None:
        before = {known: self.rate_of(known) for known in NAMES}
        self.server.sets_policy(name, **fields)
        for known in NAMES:
            if self.rate_of(known) != before[known]:
                self.expect_rate(known)
        self.listen()

    @rule(name=functions)
    def stops_or_goes_on(self, name: str) -> None:
        paused = self.broker.policies.fields(name.encode()).get("paused", False)
        self.sets_policy(name, {"paused": not paused})

    @rule(line=st.sampled_from([b"cancel job H:test:%d" % number for number in range(1, 12)] + DROPS))
    def says(self, line: bytes) -> None:
        self.operator.types(line)
        for name in NAMES:
            if name.encode() not in self.broker.functions:
                self.expect_rate(name)
        self.listen()

    @rule(again=st.booleans())
    def looks_at_a_dead_letter(self, again: bool) -> None:
        """There are some: jobs fail until there is one."""
        if not self.broker.archive.dead:
            self.works_through_what_there_is(0, WORK_FAIL)
        for letter in list(self.broker.archive.dead.values())[:1]:
            (revive if again else discard)(self.broker, letter)
        self.pass_time(0)

    # Time

    @rule(seconds=st.sampled_from([0.01, PATIENCE * 1.01, 0.3, 1.0, 5.0]))
    def time_passes(self, seconds: float) -> None:
        self.pass_time(seconds)

    @rule()
    def the_next_thing_happens(self) -> None:
        self.pass_time(min(wait(self.broker), 5.0))

    # The store

    @precondition(lambda self: self.under_way is None)
    @rule()
    def a_commit_begins(self) -> None:
        self.under_way = take_batch(self.broker)

    @precondition(lambda self: self.under_way is not None)
    @rule(works=st.sampled_from([True, True, False]))
    def a_commit_ends(self, works: bool) -> None:
        assert self.under_way is not None
        self.store.end(self.server, self.under_way, works)
        self.under_way = None
        self.pass_time(0)

    @precondition(lambda self: self.under_way is None and self.broker.last_handle > 8)
    @rule()
    def the_server_is_restarted(self) -> None:
        self.store.take(self.server)
        self.store.check(self.server)
        self.begin(self.store.restarted(self.server))

    # What is said and heard

    def turn(self, peer: Peer, command: int, *arguments: bytes) -> bool:
        """One packet in a turn of its own: whether the peer has got a job."""
        jobs = len(peer.connection.running)
        peer.says(command, *arguments)
        if command in FOREGROUND:
            for answer, *told in self.listen()[peer]:
                if answer == JOB_CREATED:
                    self.waiting[peer].add(told[0])
        else:
            self.listen()
        return len(peer.connection.running) > jobs

    def pass_time(self, seconds: float) -> None:
        self.server.passes(seconds)
        self.listen()

    def listen(self) -> dict[Peer, list[Packet]]:
        """What each peer hears; what it may hear is checked."""
        self.store.deliver(self.server)
        heard = {peer: peer.heard() for peer in self.peers}
        for rate in self.rates.values():
            rate.passes(self.server.now)
        for peer, packets in heard.items():
            for command, *arguments in packets:
                if command == JOB_ASSIGN_UNIQ:
                    self.handed_out(arguments[1].decode())
                if command in LAST_WORDS:
                    self.waiting[peer].discard(arguments[0])
            assert packets.count((NOOP,)) <= 1
            if (NO_JOB,) in packets:
                assert not any(ready(function, self.server.now) for function in peer.connection.abilities)
        return heard

    def handed_out(self, name: str) -> None:
        """A job was handed out: was that allowed?"""
        function = self.broker.functions[name.encode()]
        policy = function.policy or NO_POLICY
        assert not policy.paused
        assert not policy.max_running or function.running <= policy.max_running
        if name in self.rates:
            assert self.rates[name].tokens >= 1 - SLACK
            self.rates[name].tokens -= 1

    def rate_of(self, name: str) -> float:
        return (self.broker.policies.of(name.encode()) or NO_POLICY).rate

    def expect_rate(self, name: str) -> None:
        self.rates.pop(name, None)
        if self.rate_of(name):
            self.rates[name] = ExpectedRate(self.rate_of(name), self.server.now)

    # What must be so

    @invariant()
    def a_worker_sleeps_beside_its_work_only_while_somebody_is_to_be_woken(self) -> None:
        sleepers = self.broker.sleepers
        for function in self.broker.functions.values():
            asleep = any(peer.asleep for peer in function.workers)
            if asleep and sleepers.wakes_more and ready(function, self.server.now):
                assert function in sleepers.watched
                assert wait(self.broker) <= PATIENCE + ROUNDING

    @invariant()
    def counters_are_what_the_lists_hold(self) -> None:
        for function in self.broker.functions.values():
            jobs = [job for job in self.broker.jobs.values() if job.function is function]
            waiting = [job for job in jobs if job.worker is None]
            for priority in (HIGH, NORMAL, LOW):
                delayed = [job for job in waiting if job.priority == priority and not job.queued]
                assert function.delayed[priority] == len(delayed)
                assert function.queued(priority) == sum(job.priority == priority for job in waiting)
            assert function.running == len(jobs) - len(waiting)
            assert function.total() == len(jobs)
            assert function.ready(self.server.now) == ready(function, self.server.now)

    @invariant()
    def events_and_totals_tell_what_happened(self) -> None:
        self.witness.looks()

    @invariant()
    def every_job_that_waits_for_a_time_has_an_alarm(self) -> None:
        broker = self.broker
        for job in broker.jobs.values():
            policy = job.function.policy or NO_POLICY
            if job.worker is None and job.queued:
                assert (job.alarm != 0) == (policy.ttl != 0)
            if job.worker is None and not job.queued:
                assert job.alarm
                assert job.run_at > broker.clock
            if job.queued and policy.ttl:
                assert max(job.submitted_at, job.run_at) + policy.ttl > broker.clock - SLACK

    @invariant()
    def who_waits_hears_one_last_word(self) -> None:
        for peer, handles in self.waiting.items():
            assert {job.handle for job in peer.connection.waiting} == handles

    @invariant()
    def nothing_is_left_of_jobs_that_are_over(self) -> None:
        broker = self.broker
        assert broker.jobs.keys() >= broker.archive.chunks.keys()
        assert broker.jobs.keys().isdisjoint(broker.archive.dead)
        for function in broker.functions.values():
            known = {*function.uniques.values(), *function.contents.values()}
            assert known.issubset(broker.jobs.values())
        assert broker.memory == sum(job.size for job in broker.jobs.values() if job.workload is not None)
        assert len(broker.archive.results) <= 5

    def teardown(self) -> None:
        """Workers that grab only when they are woken do all the jobs, whatever the rates."""
        if not hasattr(self, "broker"):
            return
        for name in [*NAMES, "*"]:
            self.sets_policy(name, {"paused": False, "timeout": None, "ttl": None})
        for peer in self.peers:
            for handle in list(peer.connection.running):
                self.turn(peer, WORK_COMPLETE, handle, b"")
            for name in NAMES:
                self.turn(peer, CAN_DO, name.encode())
            self.turn(peer, PRE_SLEEP)
        for _ in range(2000):
            self.those_who_are_woken_work()
            if not self.broker.jobs:
                return
            if all(peer.asleep for peer in self.peers):
                assert wait(self.broker) != NEVER
                self.pass_time(wait(self.broker))
        raise AssertionError(f"jobs are stuck: {[job.handle for job in self.broker.jobs.values()]}")

    def those_who_are_woken_work(self) -> None:
        for peer in self.peers:
            if peer.asleep:
                continue
            while self.turn(peer, GRAB_JOB_UNIQ):
                for handle in list(peer.connection.running):
                    self.turn(peer, WORK_COMPLETE, handle, b"")
            self.turn(peer, PRE_SLEEP)


def ready(function: Function, now: float) -> int:
    """How many jobs a worker could have now, counted in the plainest way."""
    queued = [entry[1] for entry in function.due]
    for queue in function.queues:
        queued += [job for job in queue.jobs if job.queued]
    assert len(set(queued)) == len(queued)
    policy = function.policy or NO_POLICY
    room = 0 if policy.paused else len(queued)
    if policy.max_running:
        room = min(room, max(policy.max_running - function.running, 0))
    if function.bucket is not None:
        room = min(room, function.bucket.tokens(now))
    return room


TestOperations = Operations.TestCase
TestOperations.settings = settings(max_examples=5 * settings().max_examples)
