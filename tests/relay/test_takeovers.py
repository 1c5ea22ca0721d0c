"""Leaders that die, links that break and stores that lag, at arbitrary moments: what peers may rely on all the same.

``pytest --hypothesis-profile=torture --timeout=0 tests/relay`` tries more.
"""

from __future__ import annotations

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from geartrain.broker.model import HIGH, LOW, NORMAL, number_of
from geartrain.protocol.commands import (
    CAN_DO,
    CAN_DO_TIMEOUT,
    CANT_DO,
    ERROR,
    GRAB_JOB_UNIQ,
    JOB_ASSIGN_UNIQ,
    JOB_CREATED,
    NO_JOB,
    NOOP,
    PRE_SLEEP,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    SUBMIT_JOB_HIGH,
    SUBMIT_JOB_LOW_BG,
    WORK_COMPLETE,
    WORK_DATA,
    WORK_FAIL,
    WORK_STATUS,
)
from geartrain.protocol.packet import HEADER, HEADER_SIZE, NUL, request
from geartrain.relay.frames import (
    ATTACH,
    COUNT,
    DETACH,
    FENCED,
    OVER,
    PACKETS,
    READY,
    REPLIES,
    Frame,
    parts_of,
)
from geartrain.relay.seat import Guest
from geartrain.relay.state import PeerState, state_bytes
from tests.broker.kept import KeptJobs
from tests.relay.leader import Leader

SERVERS = ("server A", "server B")
PEERS = 2  # at each server
FUNCTIONS = (b"f", b"g")
FOREGROUND = (SUBMIT_JOB, SUBMIT_JOB_HIGH)
BACKGROUND = (SUBMIT_JOB_BG, SUBMIT_JOB_LOW_BG)
LAST_WORDS = (WORK_COMPLETE, WORK_FAIL)

peers = st.integers(0, len(SERVERS) * PEERS - 1)
servers = st.sampled_from(SERVERS)
functions = st.sampled_from(FUNCTIONS)
uniques = st.sampled_from([b"", b"", b"u"])
often = st.sampled_from([True, True, True, False])


class Peer:
    """A peer as its front knows it: what has an answer is asked again of a new leader, nothing else is."""

    def __init__(self, server: str, number: int) -> None:
        self.server = server
        self.number = number
        self.attached = False
        self.abilities: dict[bytes, bytes] = {}  # the packets that told of them, by function
        self.asleep = False
        self.running: dict[bytes, bytes] = {}  # by handle: the last WORK_STATUS or nothing
        self.waiting: list[tuple[bytes, bytes]] = []
        self.questions: list[bytes] = []  # packets and lines that have no answer yet

    def state(self) -> bytes:
        said = b"".join(self.abilities.values())
        if self.asleep:
            said += request(PRE_SLEEP)
        return state_bytes(PeerState(b"127.0.0.1", said, list(self.running.items()), list(self.waiting)))


class Link:
    """What is on its way between a server and the leader."""

    def __init__(self) -> None:
        self.to_leader: list[tuple[int, int, bytes]] = []


class Takeovers(RuleBasedStateMachine):
    """The peers of two servers, and one leader after the other."""

    @initialize()
    def starts(self) -> None:
        self.store = KeptJobs()
        self.last_number = 0
        self.peers = [self.new_peer(server) for server in SERVERS for _ in range(PEERS)]
        self.acknowledged: dict[bytes, None] = {}  # background jobs
        self.ended: set[bytes] = set()  # jobs that a worker or an operator has ended
        self.lead(Leader(self.store))
        for peer in self.peers:
            self.able(peer, b"f", 0)
        for server in SERVERS:
            self.a_link_opens(server)
        self.the_leader_opens()
        self.everything_arrives()

    def new_peer(self, server: str) -> Peer:
        self.last_number += 1
        return Peer(server, self.last_number)

    def lead(self, leader: Leader) -> None:
        """Have a leader that nobody has a link to."""
        self.leader = leader
        self.opened = False
        self.links: dict[str, Link] = {}
        for peer in self.peers:
            peer.attached = False

    # What peers say

    def say(self, peer: Peer, packet: bytes, is_question: bool = False) -> None:
        """A front sends what a peer says, after what the leader has to know of the peer."""
        if is_question:
            peer.questions.append(packet)
        link = self.links.get(peer.server)
        if link is None:
            return
        if peer.attached:
            link.to_leader.append((PACKETS, peer.number, packet))
            return
        self.attach(peer)
        self.ask_again(peer)

    def attach(self, peer: Peer) -> None:
        peer.attached = True
        self.links[peer.server].to_leader.append((ATTACH, peer.number, peer.state()))

    def ask_again(self, peer: Peer) -> None:
        """Send what has no answer yet."""
        if peer.questions:
            self.links[peer.server].to_leader.append((PACKETS, peer.number, b"".join(peer.questions)))

    @rule(number=peers, function=functions, seconds=st.sampled_from([0, 0, 3]))
    def can_do(self, number: int, function: bytes, seconds: int) -> None:
        self.able(self.peers[number], function, seconds)

    def able(self, peer: Peer, function: bytes, seconds: int) -> None:
        packet = request(CAN_DO, function)
        if seconds:
            packet = request(CAN_DO_TIMEOUT, function, b"%d" % (seconds * 1000))
        peer.abilities[function] = packet
        self.say(peer, packet)

    @rule(number=peers, function=functions)
    def cant_do(self, number: int, function: bytes) -> None:
        self.peers[number].abilities.pop(function, None)
        self.say(self.peers[number], request(CANT_DO, function))

    @rule(
        number=peers,
        command=st.sampled_from([*FOREGROUND, *FOREGROUND, *BACKGROUND]),
        function=functions,
        unique=uniques,
        arrives=often,
    )
    def submit(self, number: int, command: int, function: bytes, unique: bytes, arrives: bool) -> None:
        self.say(self.peers[number], request(command, function, unique, b"a"), True)
        if arrives:
            self.everything_arrives()

    @rule(number=peers, arrives=often)
    def grab(self, number: int, arrives: bool) -> None:
        self.peers[number].asleep = False
        self.say(self.peers[number], request(GRAB_JOB_UNIQ), True)
        if arrives:
            self.everything_arrives()

    @rule(unique=uniques)
    def somebody_submits_what_another_works_on(self, unique: bytes) -> None:
        self.submit(0, SUBMIT_JOB, b"f", unique, True)
        self.submit(len(SERVERS) * PEERS - 1, SUBMIT_JOB_BG, b"f", b"", True)
        self.grab(1, True)
        self.grab(2, True)

    @rule(number=peers)
    def pre_sleep(self, number: int) -> None:
        if not self.peers[number].questions:
            self.peers[number].asleep = True
            self.say(self.peers[number], request(PRE_SLEEP))

    @rule(number=peers, end=st.sampled_from([WORK_COMPLETE, WORK_COMPLETE, WORK_FAIL]))
    def ends_a_job(self, number: int, end: int) -> None:
        for handle in list(self.peers[number].running)[:1]:
            self.end_job(self.peers[number], handle, end)

    def end_job(self, peer: Peer, handle: bytes, end: int) -> None:
        del peer.running[handle]
        self.ended.add(handle)
        self.say(peer, request(end, handle, *[b"done"] * (end == WORK_COMPLETE)))

    @rule(number=peers, numerator=st.integers(1, 3))
    def works_on(self, number: int, numerator: int) -> None:
        for handle in list(self.peers[number].running)[:1]:
            status = request(WORK_STATUS, handle, b"%d" % numerator, b"3")
            self.peers[number].running[handle] = status
            self.say(self.peers[number], status + request(WORK_DATA, handle, b"some"))

    @rule(number=peers)
    def cancels_the_newest_of_several(self, number: int) -> None:
        alive = [handle for handle in self.acknowledged if handle not in self.ended]
        if len(alive) > 2:
            handle = max(alive, key=number_of)
            self.ended.add(handle)
            self.say(self.peers[number], b"cancel job " + handle + b"\n", True)

    @rule(number=peers)
    def leaves(self, number: int) -> None:
        peer = self.peers[number]
        if peer.attached:
            self.links[peer.server].to_leader.append((DETACH, peer.number, b""))
        self.ended.update(peer.running)  # it may have been told to do nothing else
        self.peers[number] = self.new_peer(peer.server)

    # Links and leaders

    @rule(server=servers)
    def a_link_opens(self, server: str) -> None:
        if server in self.links:
            return
        self.links[server] = Link()
        self.leader.told[server] = []
        for peer in self.peers_of(server):
            self.attach(peer)
        self.links[server].to_leader.append((READY, 0, COUNT.pack(0)))
        for peer in self.peers_of(server):
            self.ask_again(peer)

    @rule(server=servers, for_good=st.sampled_from([False, False, True]))
    def a_link_breaks(self, server: str, for_good: bool) -> None:
        if self.links.pop(server, None) is not None:
            self.leader.breaks(server)
            for peer in self.peers_of(server):
                peer.attached = False
        if for_good:
            self.leader.loses(server)

    @precondition(lambda self: not self.opened)
    @rule()
    def the_leader_opens(self) -> None:
        self.opened = True
        self.leader.opens()

    @rule(kept=st.booleans(), order=st.sampled_from([SERVERS, SERVERS[::-1], SERVERS[:1], ()]), opens=often)
    def the_leader_dies(self, kept: bool, order: tuple[str, ...], opens: bool) -> None:
        """The batch that is under way may be kept all the same, and some servers are there before the new one opens."""
        if self.leader.under_way is not None and kept:
            self.store.commit(self.leader.under_way)
        self.lead(self.leader.dies())
        for server in order:
            self.a_link_opens(server)
            if opens:
                self.everything_arrives()
        if opens:
            self.the_leader_opens()

    @rule(server=servers, dies=st.booleans())
    def a_server_comes_back_when_others_have_its_jobs(self, server: str, dies: bool) -> None:
        """It was thought to be gone, or the leader opened without it."""
        (other,) = set(SERVERS) - {server}
        if dies:
            self.the_leader_dies(True, (other,), True)
        else:
            self.a_link_breaks(server, True)
        for peer in self.peers_of(other):
            self.grab(self.peers.index(peer), True)
        self.a_link_opens(server)
        self.everything_arrives()

    @rule(server=servers, seconds=st.sampled_from([0.0, 4.0]))
    def a_link_breaks_while_work_goes_on(self, server: str, seconds: float) -> None:
        self.a_link_breaks(server, False)
        self.time_passes(seconds)
        for number in range(len(self.peers)):
            self.ends_a_job(number, WORK_COMPLETE)
        self.everything_arrives()
        self.a_link_opens(server)
        self.everything_arrives()

    def peers_of(self, server: str) -> list[Peer]:
        return [peer for peer in self.peers if peer.server == server]

    # The store

    @rule()
    def a_commit_begins_or_ends(self) -> None:
        if self.leader.under_way is None:
            self.leader.begins_commit()
        else:
            self.leader.ends_commit()

    # What travels

    @rule(server=servers, frames=st.integers(1, 4))
    def frames_reach_the_leader(self, server: str, frames: int) -> None:
        link = self.links.get(server)
        if link is None:
            return
        travelling, link.to_leader = link.to_leader[:frames], link.to_leader[frames:]
        for kind, number, body in travelling:
            self.leader.takes(server, kind, number, body)

    @rule(server=servers, frames=st.integers(1, 4))
    def frames_reach_a_front(self, server: str, frames: int) -> None:
        if server not in self.links:
            return
        told = self.leader.told[server]
        travelling, self.leader.told[server] = told[:frames], told[frames:]
        for frame in travelling:
            self.front_takes(server, frame)

    @rule()
    def everything_arrives(self) -> None:
        """All that is on its way, and what that brings about."""
        for server in SERVERS:
            self.frames_reach_the_leader(server, 1000)
        for server in SERVERS:
            self.frames_reach_a_front(server, 1000)

    def front_takes(self, server: str, frame: Frame) -> None:
        kind, _, number, body = frame
        for peer in self.peers_of(server):
            if peer.number != number:
                continue
            for part in parts_of(body):
                if kind in (FENCED, OVER):
                    peer.running.pop(part, None)
                else:
                    assert kind == REPLIES
                    self.hear(peer, part)

    def hear(self, peer: Peer, part: bytes) -> None:
        """A packet or a whole answer for a peer."""
        if not part.startswith(NUL):
            self.answered(peer, b"cancel")
            return
        command = HEADER.unpack_from(part)[1]
        handle = part[HEADER_SIZE:].split(NUL, 1)[0]
        if command == NOOP:
            peer.asleep = False
        elif command in LAST_WORDS:
            handles = [entry[0] for entry in peer.waiting]
            assert handle in handles, "there is one last word for each submit"
            del peer.waiting[handles.index(handle)]
        elif command in (WORK_DATA, WORK_STATUS):
            assert any(entry[0] == handle for entry in peer.waiting)
        else:
            self.hear_answer(peer, command, handle)

    def hear_answer(self, peer: Peer, command: int, handle: bytes) -> None:
        assert command != ERROR
        if command == JOB_CREATED:
            submit = self.answered(peer, b"\0REQ")
            if HEADER.unpack_from(submit)[1] in FOREGROUND:
                peer.waiting.append((handle, submit))
            else:
                self.acknowledged[handle] = None
            return
        assert command in (NO_JOB, JOB_ASSIGN_UNIQ)
        self.answered(peer, request(GRAB_JOB_UNIQ))
        if command == JOB_ASSIGN_UNIQ:
            peer.running[handle] = b""

    def answered(self, peer: Peer, beginning: bytes) -> bytes:
        """The oldest question, which is one of that kind."""
        question = peer.questions.pop(0)
        assert question.startswith(beginning)
        return question

    @rule(seconds=st.sampled_from([0.06, 1.0, 4.0]))
    def time_passes(self, seconds: float) -> None:
        self.leader.passes(seconds)

    # What must be so

    def quiet(self) -> bool:
        """Whether everybody is attached to an open leader, and nothing is on its way."""
        return (
            self.opened
            and len(self.links) == len(SERVERS)
            and not any(link.to_leader for link in self.links.values())
            and not any(self.leader.told.values())
            and not self.leader.held
            and not self.leader.next
        )

    @invariant()
    def no_acknowledged_job_is_lost(self) -> None:
        for handle in self.acknowledged.keys() - self.ended:
            assert number_of(handle) in self.leader.broker.jobs
            assert number_of(handle) in self.store.jobs

    @invariant()
    def where_nothing_is_on_its_way_leader_and_fronts_agree_on_who_runs_what_and_waits_for_what(self) -> None:
        if not self.quiet():
            return
        guests = self.leader.seat.guests
        attached = [peer for peer in self.peers if peer.attached]
        assert len(guests) == len(attached)
        for peer in attached:
            guest = guests[peer.server, peer.number]
            assert set(guest.connection.running) == set(peer.running)
            entries = Counter(handle for handle, _ in peer.waiting)
            assert entries == self.waited_for_by(guest)

    def waited_for_by(self, guest: Guest) -> Counter[bytes]:
        """By handles as the guest knows them: another waits for it where an equal job has taken its job's place."""
        connection = guest.connection
        own = [
            job.handle for job in connection.waiting for client in job.clients or () if client is connection
        ]
        stand_ins = self.leader.seat.stand_ins.values()
        return Counter([*own, *(stand_in.handle for stand_in in stand_ins if stand_in.guest is guest)])

    @invariant()
    def before_the_leader_opens_workers_have_what_they_claim_and_nothing_else(self) -> None:
        if self.opened:
            return
        for guest in self.leader.seat.guests.values():
            peer = next((peer for peer in self.peers if peer.number == guest.number), None)
            if peer is not None and peer.attached:
                assert set(guest.connection.running) <= set(peer.running) | self.ended

    @invariant()
    def counters_are_what_the_lists_hold(self) -> None:
        broker = self.leader.broker
        for function in broker.functions.values():
            jobs = [job for job in broker.jobs.values() if job.function is function]
            waiting = [job for job in jobs if job.worker is None]
            for priority in (HIGH, NORMAL, LOW):
                of_priority = [job for job in waiting if job.priority == priority]
                queued = [job for job in function.queues[priority].jobs if job.queued]
                assert Counter(queued) == Counter(of_priority)
                assert function.queued(priority) == len(of_priority)
            assert function.running == len(jobs) - len(waiting)
            assert {*function.uniques.values(), *function.contents.values()} <= set(jobs)
        for connection in broker.connections:
            for handle, job in connection.running.items():
                assert job.handle == handle
                assert job.worker is connection
            assert all(connection in (job.clients or ()) for job in connection.waiting)
        assert broker.memory == sum(job.size for job in broker.jobs.values())

    @invariant()
    def the_leader_knows_its_guests_and_nobody_else(self) -> None:
        seat = self.leader.seat
        assert set(seat.by_connection) == set(self.leader.broker.connections)
        leaving = {guest for guest in seat.by_connection.values() if guest not in seat.guests.values()}
        assert leaving <= {guest for guest, _, _ in seat.kept}
        assert all(guest in seat.by_connection.values() for guest, _ in seat.claims.values())
        assert not (self.opened and (seat.claims or seat.kept))

    def teardown(self) -> None:
        """In the end every question is answered, every job done, and every client has heard of its own."""
        if not hasattr(self, "leader"):
            return
        for server in SERVERS:
            self.a_link_opens(server)
        if not self.opened:
            self.the_leader_opens()
        for _ in range(200):
            self.settle()
            for peer in self.peers:
                for function in FUNCTIONS:
                    if function not in peer.abilities:
                        self.able(peer, function, 0)
                for handle in list(peer.running):
                    self.end_job(peer, handle, WORK_COMPLETE)
                if not peer.questions and self.leader.broker.jobs:
                    self.say(peer, request(GRAB_JOB_UNIQ), True)
        self.settle()
        assert not self.leader.broker.jobs
        assert not self.store.jobs
        for peer in self.peers:
            assert not peer.questions
            assert not peer.waiting
        assert self.acknowledged.keys() <= self.ended

    def settle(self) -> None:
        """Let everything arrive, and be kept."""
        for _ in range(3):
            self.everything_arrives()
            self.a_commit_begins_or_ends()
            if self.leader.under_way is not None:
                self.a_commit_begins_or_ends()


TestTakeovers = Takeovers.TestCase
TestTakeovers.settings = settings(max_examples=4 * settings().max_examples)
