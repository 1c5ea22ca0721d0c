"""Seat: a leader's broker for a shard, with the peers of all fronts as its connections."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from geartrain.broker.access import Access, Badge, access_of
from geartrain.broker.accidents import Accident
from geartrain.broker.broker import Broker
from geartrain.broker.guard import guard
from geartrain.broker.model import Connection, job_by_handle
from geartrain.broker.revocation import REVOKED
from geartrain.broker.session import Session, end_turn
from geartrain.broker.sleepers import WAKE_UP
from geartrain.broker.takeover import (
    claim,
    equal_job,
    last_word,
    move,
    put_back,
    resume,
    set_progress,
    suspend,
    wait_again,
)
from geartrain.errors import ProtocolError, SettingsError
from geartrain.relay.frames import (
    ACCESS,
    ATTACH,
    CLOSED,
    DETACH,
    DRAIN,
    DRAINED,
    FENCED,
    OVER,
    PACKETS,
    READY,
    REPLIES,
    SAID,
    count_of,
)
from geartrain.relay.hearsay import is_last_word, progress_of, submit_of, told_of
from geartrain.relay.stand_ins import StandIn
from geartrain.relay.state import Pair, PeerState, state_of

Key = tuple[str, int]  # a server, and the number of a peer there


class Guest:
    """A peer that is connected to some server's front."""

    __slots__ = ("connection", "gone", "number", "orphan", "server", "session", "talks", "unheard")

    def __init__(self, server: str, connection: Connection, session: Session) -> None:
        self.server = server
        self.number = connection.number  # at its front, which gives none twice
        self.connection = connection
        self.session = session
        self.talks = False  # some of what it said is kept for later, and what follows with it
        self.orphan = False  # the link to its front broke, and it has not been attached again
        self.unheard: list[bytes] = []  # what it would have heard since then
        self.gone = False


FAULT: Final = b"the server has a fault"  # what a front is told of a peer that met one


class Seat:
    """Where the peers of all fronts meet the broker of a shard.

    The broker has all that the store kept when the first frame is taken. It hands out nothing before ``open``: until
    then workers claim the jobs that they have, and clients wait again for theirs. ``tell`` sends a frame to a server
    (server, kind, shard, number, parts).
    """

    def __init__(
        self,
        broker: Broker,
        shard: int,
        payload_limit: int,
        tell: Callable[[str, int, int, int, list[bytes]], None],
    ) -> None:
        self.broker = broker
        self.shard = shard
        self.payload_limit = payload_limit
        self.tell = tell
        self.guests: dict[Key, Guest] = {}
        self.by_connection: dict[Connection, Guest] = {}
        self.stand_ins: dict[Connection, StandIn] = {}
        self.ready: set[str] = set()  # servers that said READY
        self.opened = False
        self.kept: list[tuple[Guest, int, bytes]] = []  # frames for when it is open: kind and body
        self.claims: dict[bytes, tuple[Guest, bytes]] = {}  # of jobs that may turn up: WORK_STATUS or nothing
        self.closing: list[tuple[Guest, list[bytes]]] = []  # those who hear CLOSED at the end of the turn
        self.processed: dict[str, int] = {}  # frames of packets, as their servers count them
        self.closed = False  # what comes now is for the next leader
        broker.relayed = True
        suspend(broker)

    # What servers say

    def take(self, server: str, kind: int, number: int, body: bytes) -> None:
        """One frame of a server; raises ValueError where it cannot be read."""
        if self.closed:
            return None
        if kind == PACKETS:
            self.processed[server] = self.processed.get(server, 0) + 1
        if kind == ATTACH:
            return self.attach(server, number, state_of(body))
        if kind == READY:
            return self.all_attached(server, count_of(body))
        guest = self.guests.get((server, number))
        if guest is None:
            return None
        if kind == DRAIN:
            return self.broker.sleepers.drain(guest.connection, bool(body))
        if kind == DETACH:
            del self.guests[(server, number)]
        if not self.opened and (kind == PACKETS or guest.talks):
            guest.talks = True
            self.kept.append((guest, kind, body))
            return None
        self.do(guest, kind, body)

    def open(self) -> None:
        """Begin to hand out jobs: who claims one that did not turn up does not run it."""
        self.opened = True
        resume(self.broker)
        for handle, (guest, _) in self.claims.items():
            if not guest.orphan:
                self.tell(guest.server, OVER, self.shard, guest.number, [handle])
        self.claims.clear()
        kept, self.kept = self.kept, []
        for guest, kind, body in kept:
            # What came over a link that broke is sent again, if it has no answer.
            if not guest.gone and not guest.orphan:
                self.do(guest, kind, body)

    def orphan(self, server: str) -> None:
        """The link to a server broke: its peers stay, silent, until it attaches them again or leaves."""
        self.ready.discard(server)
        for guest in self.guests_of(server):
            if self.guests.get((server, guest.number)) is guest:
                guest.orphan = True
            else:
                self.part(guest)

    def leave(self, server: str) -> None:
        """A server is gone for good, and its peers with it."""
        self.ready.discard(server)
        for guest in self.guests_of(server):
            self.guests.pop((server, guest.number), None)
            for job in guest.connection.running.values():
                job.losses -= 1  # the execution is lost with its server: the job has not killed its worker
            self.part(guest)

    def all_attached(self, server: str, count: int) -> None:
        """A server has attached all its peers: those that it had before and has no more are gone.

        What it said before, in so many frames, it says again as far as it is not settled.
        """
        self.ready.add(server)
        self.processed[server] = count
        for guest in self.guests_of(server):
            if guest.orphan:
                del self.guests[(server, guest.number)]
                self.part(guest)

    def guests_of(self, server: str) -> list[Guest]:
        """All guests of a server, also those that leave when what they said is done."""
        return [guest for guest in self.by_connection.values() if guest.server == server and not guest.gone]

    # What peers say

    def do(self, guest: Guest, kind: int, body: bytes) -> None:
        """Do what a frame of a guest says."""
        if kind == PACKETS:
            self.hear(guest, body)
        elif kind == ACCESS:
            let(guest.session, body)
        elif kind == SAID:
            self.hear_quietly(guest, body)
        elif kind == DETACH:
            self.part(guest)

    def hear(self, guest: Guest, packets: bytes) -> None:
        """Take packets and text lines; one that ends the connection ends the guest, after what it is told."""
        try:
            guest.session.go_on()
            guest.session.receive(packets)
        except ProtocolError as error:
            self.guests.pop((guest.server, guest.number), None)
            self.disconnect(guest)
            self.closing.append((guest, [error.refusal.encode(), str(error).encode()]))
        except Exception as error:  # whatever it is: it is this peer's end, and not that of its server's link
            self.broker.accidents.append(Accident("a packet of a peer", error, None))
            self.guests.pop((guest.server, guest.number), None)
            self.disconnect(guest)
            self.closing.append((guest, [b"", FAULT]))

    def hear_quietly(self, guest: Guest, packets: bytes) -> None:
        """Take packets whose answers nobody waits for; a NOOP is none."""
        outgoing = guest.connection.outgoing
        before = len(outgoing)
        self.hear(guest, packets)
        outgoing[before:] = [packet for packet in outgoing[before:] if packet is WAKE_UP]

    def part(self, guest: Guest) -> None:
        """A guest is gone."""
        del self.by_connection[guest.connection]
        self.disconnect(guest)

    def disconnect(self, guest: Guest) -> None:
        guest.gone = True
        self.broker.disconnect(guest.connection)
        for stand_in in list(self.stand_ins.values()):
            if stand_in.guest is guest:
                del self.stand_ins[stand_in.connection]
                stand_in.leave(self.broker)
        if self.claims:
            self.claims = {handle: entry for handle, entry in self.claims.items() if entry[0] is not guest}

    # Attaching

    def attach(self, server: str, number: int, state: PeerState) -> None:
        """Have a peer as its front describes it, instead of what is known of it."""
        known = self.guests.get((server, number))
        guest = self.welcome(server, number, state.host)
        let(guest.session, state.access)
        guest.connection.draining = state.draining
        if known is not None:
            guest.connection.serial = (
                known.connection.serial
            )  # it is the same worker: a late result of it counts
        if known is not None and known.connection.draining != state.draining:
            guest.connection.draining = known.connection.draining
            self.broker.drained.append(guest.connection)  # its front had not heard of it when its link broke
        self.hear_quietly(guest, state.said)
        if not guest.gone:
            self.go_on(guest, known, state)
        if known is not None:
            self.replace(known)

    def go_on(self, guest: Guest, known: Guest | None, state: PeerState) -> None:
        """Let a peer wait for the jobs that it waited for, and have those that it has."""
        waiting = state.waiting if known is None else self.tell_unheard(guest, known, state.waiting)
        for handle, packet in waiting:
            self.wait_again(guest, handle, packet)
        if state.running:
            guest.connection.worker = True  # whatever it is able to do by now: it must hear no ERROR
        fenced = [handle for handle, status in state.running if not self.claim(guest, handle, status, known)]
        if fenced:
            self.fence(guest, fenced)

    def welcome(self, server: str, number: int, host: bytes) -> Guest:
        """A new guest."""
        connection = self.broker.connect(number, host)
        session = Session(self.broker, connection, self.payload_limit)
        session.stream.extended = True  # its front has seen to it what the peer may say, and says more itself
        guest = Guest(server, connection, session)
        self.guests[(server, number)] = guest
        self.by_connection[connection] = guest
        return guest

    def replace(self, known: Guest) -> None:
        """Part with what a guest was before: a job that its front does not know of never came there."""
        for job in list(known.connection.running.values()):
            put_back(self.broker, job)
        self.part(known)

    def tell_unheard(self, guest: Guest, known: Guest, waiting: Sequence[Pair]) -> list[Pair]:
        """Tell a client what it missed of its jobs while its link was broken: what it waits for after that."""
        left = list(waiting)
        for packet in known.unheard + known.connection.outgoing:
            handle = told_of(packet)
            of_job = [pair for pair in left if pair[0] == handle]
            if not of_job:
                continue
            guest.connection.send(packet)
            if is_last_word(packet):
                left.remove(of_job[0])
        return left

    def wait_again(self, guest: Guest, handle: bytes, packet: bytes) -> None:
        """A client waits for a job; whoever claims it, if it is one that was lost with its leader, has it then."""
        connection = guest.connection
        try:
            submit = submit_of(packet)
            equal = equal_job(self.broker, handle, submit)
            if equal is None:
                wait_again(self.broker, connection, handle, submit)
            else:
                stand_in = StandIn(self.broker, guest, handle, equal)
                self.stand_ins[stand_in.connection] = stand_in
        except SettingsError as error:
            self.broker.notices.append(f"a job is not restored handle={shown(handle)}: {error}")
            connection.send(last_word(self.broker, connection, handle))
        if handle in self.claims:
            claimant, status = self.claims.pop(handle)
            self.claim(claimant, handle, status, None)

    def claim(self, guest: Guest, handle: bytes, status: bytes, known: Guest | None) -> bool:
        """Whether a worker has a job that it says it runs, or may have it when the job turns up."""
        job = job_by_handle(self.broker.jobs, handle)
        connection = guest.connection
        if job is None:
            return self.claim_later(guest, handle, status, known)
        if job.worker is None:
            claim(self.broker, job, connection)
        elif known is not None and job.worker is known.connection:
            move(job, connection)
        elif job.worker is not connection:
            return False
        if status:
            set_progress(job, *progress_of(status))
        return True

    def claim_later(self, guest: Guest, handle: bytes, status: bytes, known: Guest | None) -> bool:
        """Whether a worker may still have a job that is not known."""
        earlier = self.claims.get(handle)
        if self.opened or (earlier is not None and earlier[0] is not known):
            return False
        self.claims[handle] = guest, status
        return True

    # What peers hear

    def end_turn(self) -> None:
        """Do what is due, and give the jobs of this turn to workers."""
        lists = self.broker.lists
        if lists.whole:
            whole = lists.whole[:]
            lists.whole.clear()
            for connection in whole:
                guest = self.by_connection.get(connection)
                if guest is not None and not guest.gone:
                    self.hear(guest, b"")
        end_turn(self.broker)

    def is_behind(self) -> bool:
        """Whether something that peers said waits until a list before it is told."""
        return bool(self.broker.lists.unfinished or self.broker.lists.whole)

    def deliver(self) -> None:
        """Tell every front what its peers have to hear, but for what has been taken out to be held back."""
        broker = self.broker
        for connection in broker.dirty:
            if connection.outgoing:
                self.write(connection, connection.outgoing)
                connection.outgoing.clear()
        broker.dirty.clear()
        if self.closing:
            self.close()
        if broker.drained:
            self.tell_drained()

    def tell_drained(self) -> None:
        """Tell fronts which of their peers somebody wants to have no new jobs, or jobs again."""
        for connection in self.broker.drained:
            guest = self.by_connection.get(connection)
            if guest is not None and not guest.orphan:
                wish = b"1" if connection.draining else b""
                self.tell(guest.server, DRAINED, self.shard, guest.number, [wish])
        self.broker.drained.clear()

    def write(self, connection: Connection, parts: list[bytes]) -> None:
        """Tell a guest's front what the guest has to hear, if the guest is still there."""
        guest = self.by_connection.get(connection)
        if guest is None:
            stand_in = self.stand_ins.get(connection)
            if stand_in is None:
                return
            guest, parts = stand_in.guest, stand_in.heard(parts)
            if stand_in.is_done():
                del self.stand_ins[connection]
        if guest.orphan:
            guest.unheard += parts
            return
        replies: list[bytes] = []
        for part in parts:
            if not part.startswith(REVOKED):
                replies.append(part)
                continue
            self.reply(guest, replies)
            self.fence(guest, [part.removeprefix(REVOKED)])
            replies = []
        self.reply(guest, replies)

    def reply(self, guest: Guest, replies: list[bytes]) -> None:
        if replies:
            self.tell(guest.server, REPLIES, self.shard, guest.number, replies)

    def fence(self, guest: Guest, handles: list[bytes]) -> None:
        """Tell a worker's front that the worker does not run these."""
        if not guest.orphan:
            self.tell(guest.server, FENCED, self.shard, guest.number, handles)

    def close(self) -> None:
        """Tell fronts which of their peers' connections have to end, now that those have heard everything."""
        closing, self.closing = self.closing, []
        for guest, reason in closing:
            del self.by_connection[guest.connection]
            self.tell(guest.server, CLOSED, self.shard, guest.number, reason)


def let(session: Session, said: bytes) -> None:
    """Let a peer do what its front says, or anything where that says nothing; raises ValueError."""
    guard(session, Badge(access_of(said), no_tokens) if said else None)


def no_tokens(token: bytes) -> Access | None:
    """A leader hears none: they are the business of the front."""
    return None


def shown(handle: bytes) -> str:
    """A handle as the log shows it."""
    return handle.decode("utf-8", "backslashreplace")
