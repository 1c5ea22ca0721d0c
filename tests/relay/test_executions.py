"""Real fronts of two servers, and one leader after the other: a job runs once, or what more was done is counted.

Leaders die, links break and are made again before and after a leader opens, and whatever is on its way is lost with
them. ``pytest --hypothesis-profile=torture --timeout=0 tests/relay`` tries more.
"""

from __future__ import annotations

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from geartrain.broker.endings import lose
from geartrain.broker.model import job_by_handle
from geartrain.broker.revocation import revoke
from geartrain.protocol.commands import (
    CAN_DO,
    GRAB_JOB,
    JOB_ASSIGN,
    JOB_CREATED,
    NO_JOB,
    NOOP,
    SUBMIT_JOB_BG,
    WORK_COMPLETE,
)
from geartrain.protocol.packet import PAYLOAD_LIMIT, request
from geartrain.relay.exchange import Exchange
from geartrain.relay.frames import COUNT, SETTLED, parts_of
from geartrain.relay.hub import Hub
from tests.broker.kept import KeptJobs
from tests.relay.leader import RULES, A, B, Leader
from tests.wire import packets

SERVERS = (A, B)
WORKERS = 2  # at each server
HOLD = 1000.0
MOST_ROUNDS = 1000  # until every job is done

servers = st.sampled_from(SERVERS)
workers = st.integers(0, len(SERVERS) * WORKERS - 1)
few = st.integers(1, 4)
often = st.sampled_from([True, True, True, False])


class Link:
    """What is on its way to the leader."""

    def __init__(self) -> None:
        self.frames: list[tuple[int, int, bytes]] = []

    def send(self, kind: int, shard: int, number: int, body: bytes) -> None:
        self.frames.append((kind, number, body))


class Worker:
    """A peer that runs one job at a time, and says of each that it is complete."""

    def __init__(self, hub: Hub) -> None:
        self.front = hub.connect(1, b"127.0.0.1")
        self.asked = False
        self.runs: list[bytes] = []
        self.front.receive(request(CAN_DO, b"f"))

    def grabs(self) -> None:
        if not self.asked and not self.runs:
            self.asked = True
            self.front.receive(request(GRAB_JOB))

    def listens(self) -> None:
        for command, *arguments in packets(self.front.connection.take_outgoing()):
            assert command in (JOB_ASSIGN, NO_JOB, NOOP)
            self.asked = self.asked and command == NOOP
            if command == JOB_ASSIGN:
                self.runs.append(arguments[0])


class Executions(RuleBasedStateMachine):
    @initialize()
    def starts(self) -> None:
        self.store = KeptJobs()
        self.hubs = {server: Hub(1, RULES, PAYLOAD_LIMIT, HOLD) for server in SERVERS}
        self.workers = [Worker(self.hubs[server]) for server in SERVERS for _ in range(WORKERS)]
        self.client = self.hubs[A].connect(1, b"127.0.0.1")
        self.acknowledged: list[bytes] = []
        self.results: Counter[bytes] = Counter()  # that workers have said, by handle
        self.given_up: set[str] = set()  # servers that a leader did without, until all they said is settled
        self.lead(Leader(self.store))
        for server in SERVERS:
            self.a_link_opens(server)
        self.everything_arrives()
        self.the_leader_opens()

    def lead(self, leader: Leader) -> None:
        self.leader = leader
        self.opened = False
        self.links: dict[str, Link] = {}
        self.under_way: dict[str, int] = {}  # frames that are settled with the commit under way
        for hub in self.hubs.values():
            hub.part(0)

    # What peers say

    @rule(jobs=few)
    def submits(self, jobs: int) -> None:
        self.client.receive(request(SUBMIT_JOB_BG, b"f", b"", b"") * jobs)

    @rule(number=workers)
    def grabs(self, number: int) -> None:
        self.workers[number].grabs()

    @rule()
    def all_grab_and_everything_arrives(self) -> None:
        for worker in self.workers:
            worker.grabs()
        self.everything_arrives()

    @rule(number=workers)
    def a_job_is_over_its_time_limit(self, number: int) -> None:
        """Its worker goes on with it, and may say the result while nobody has the job, or another worker."""
        for handle in self.workers[number].runs:
            job = job_by_handle(self.leader.broker.jobs, handle)
            if self.opened and job is not None and job.worker is not None:
                revoke(self.leader.broker, job, b"timeout")
                lose(self.leader.broker, job, "timeout")
                self.leader.ends_turn()

    @rule(number=workers)
    def ends_a_job(self, number: int) -> None:
        worker = self.workers[number]
        if worker.runs:
            handle = worker.runs.pop()
            self.results[handle] += 1
            worker.front.receive(request(WORK_COMPLETE, handle, b""))

    @rule(number=workers)
    def ends_a_job_and_leaves(self, number: int) -> None:
        worker = self.workers[number]
        if worker.runs:
            self.ends_a_job(number)
            worker.front.hub.disconnect(worker.front)
            self.workers[number] = Worker(worker.front.hub)

    # Links and leaders

    @rule(server=servers)
    def a_link_opens(self, server: str) -> None:
        if server not in self.links:
            link = self.links[server] = Link()
            self.leader.told[server] = []
            self.hubs[server].lead(0, link.send)

    @rule(server=servers, for_good=st.booleans())
    def a_link_breaks(self, server: str, for_good: bool) -> None:
        if self.is_doubtful(server):
            return
        if self.links.pop(server, None) is not None:
            self.leader.breaks(server)
            self.hubs[server].part(0)
        if for_good and server not in self.links:
            self.given_up.add(server)
            self.leader.loses(server)

    @precondition(lambda self: not self.opened)
    @rule()
    def the_leader_opens(self) -> None:
        self.opened = True
        self.given_up |= {*SERVERS} - self.leader.seat.ready
        self.leader.commits()  # the numbers of the jobs to come
        self.leader.opens()

    @precondition(lambda self: self.can_die())
    @rule(kept=st.booleans(), first=st.sampled_from([SERVERS, (A,), (B,), ()]), opens=often)
    def the_leader_dies(self, kept: bool, first: tuple[str, ...], opens: bool) -> None:
        """The batch under way may be kept all the same. Some servers come before the next one opens, others later."""
        if self.leader.under_way is not None and kept:
            self.store.commit(self.leader.under_way)
        self.lead(self.leader.dies())
        for server in first:
            self.a_link_opens(server)
        if opens:
            self.everything_arrives()
            self.the_leader_opens()

    @rule(kept=st.booleans(), late=servers)
    def a_server_comes_when_others_have_its_jobs(self, kept: bool, late: str) -> None:
        if self.can_die():
            (prompt,) = {*SERVERS} - {late}
            self.the_leader_dies(kept, (prompt,), True)
            self.all_grab_and_everything_arrives()
            self.a_link_opens(late)

    @rule(server=servers)
    def the_leader_dies_before_it_hears_results(self, server: str) -> None:
        self.a_link_breaks(server, False)
        self.a_link_opens(server)
        self.all_grab_and_everything_arrives()
        for number in range(len(self.workers)):
            self.ends_a_job(number)
        for _ in range(2):
            self.a_commit_begins_or_ends()
        for receiver in SERVERS:
            self.frames_reach_a_front(receiver, 1000)
        if self.can_die():
            self.the_leader_dies(True, SERVERS, True)

    @rule(server=servers, leave=st.booleans(), dies=st.booleans())
    def a_server_is_given_up_while_its_workers_work(self, server: str, leave: bool, dies: bool) -> None:
        """Others have its jobs then, or have done them when the leader dies."""
        self.everything_is_settled()
        self.client.receive(request(SUBMIT_JOB_BG, b"f", b"", b""))
        for worker in self.workers:
            if worker.front.hub is self.hubs[server]:
                worker.grabs()
        self.everything_arrives()
        self.a_link_breaks(server, True)
        self.all_grab_and_everything_arrives()
        for number, worker in enumerate(self.workers):
            if worker.front.hub is not self.hubs[server]:
                self.ends_a_job(number)
            elif leave:
                self.ends_a_job_and_leaves(number)
            else:
                self.ends_a_job(number)
        if dies and self.can_die():
            self.everything_is_settled()
            self.the_leader_dies(True, SERVERS, True)

    def can_die(self) -> bool:
        """Whether nobody will wonder if a leader had kept a result, or another's, as it had done without the server."""
        doubtful = [server for server in SERVERS if self.is_doubtful(server)]
        return not doubtful

    def is_doubtful(self, server: str) -> bool:
        """Whether a server has told results that a leader may have kept, after one had done without the server."""
        unsettled = self.hubs[server].sides[0].unsettled
        if not unsettled and server in self.links:
            self.given_up.discard(server)
        return server in self.given_up and any(result.frame and not result.refused for result in unsettled)

    # The store

    @rule()
    def a_commit_begins_or_ends(self) -> None:
        if self.leader.under_way is None:
            self.leader.begins_commit()
            self.under_way = dict(self.leader.seat.processed)
        else:
            self.leader.ends_commit()
            self.says_settled(self.under_way)

    def says_settled(self, processed: dict[str, int]) -> None:
        if self.opened:
            for server, count in processed.items():
                self.leader.tell(server, SETTLED, 0, 0, [COUNT.pack(count)])

    # What travels

    @rule(server=servers, frames=few)
    def frames_reach_the_leader(self, server: str, frames: int) -> None:
        link = self.links.get(server)
        if link is not None:
            travelling, link.frames = link.frames[:frames], link.frames[frames:]
            for kind, number, body in travelling:
                self.leader.takes(server, kind, number, body)

    @rule(server=servers, frames=few)
    def frames_reach_a_front(self, server: str, frames: int) -> None:
        if server in self.links:
            told = self.leader.told[server]
            travelling, self.leader.told[server] = told[:frames], told[frames:]
            for kind, shard, number, body in travelling:
                Exchange(server, self.hubs[server]).hear(kind, shard, number, parts_of(body))
            self.listen()

    def listen(self) -> None:
        for command, *arguments in packets(self.client.connection.take_outgoing()):
            assert command == JOB_CREATED
            self.acknowledged.append(arguments[0])
        for worker in self.workers:
            worker.listens()

    @rule()
    def everything_arrives(self) -> None:
        for _ in range(2):
            for server in SERVERS:
                self.frames_reach_the_leader(server, 1000)
            for server in SERVERS:
                self.frames_reach_a_front(server, 1000)

    @rule()
    def everything_is_settled(self) -> None:
        self.everything_arrives()
        for _ in range(4):
            self.a_commit_begins_or_ends()
        self.everything_arrives()

    # What must be so

    def teardown(self) -> None:
        """Everybody is there, and all is done."""
        if not hasattr(self, "leader"):
            return
        for server in SERVERS:
            self.a_link_opens(server)
        if not self.opened:
            self.the_leader_opens()
        rounds = 0
        while rounds < 50 or (self.leader.broker.jobs and rounds < MOST_ROUNDS):
            rounds += 1
            self.all_grab_and_everything_arrives()
            for number in range(len(self.workers)):
                self.ends_a_job(number)
            self.everything_arrives()
            self.a_commit_begins_or_ends()
        self.everything_arrives()
        assert not self.leader.broker.jobs
        assert set(self.acknowledged) <= set(self.results)
        again = sum(self.results.values()) - len(self.results)
        assert again <= sum(hub.fenced for hub in self.hubs.values())


TestExecutions = Executions.TestCase
TestExecutions.settings = settings(max_examples=4 * settings().max_examples)
