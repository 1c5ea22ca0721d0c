"""Neighbours: the other servers of a pool, as links to those that lead and from those that are fronts."""

from __future__ import annotations

import socket
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final

from geartrain.broker.accidents import Accident
from geartrain.broker.answers import text
from geartrain.errors import StoreError
from geartrain.pool.card import Card, card_in
from geartrain.pool.links import Link, adopt, dial
from geartrain.pool.proofs import FrontsProof, LeadersProof
from geartrain.pool.registry import Lease
from geartrain.relay.frames import ATTACH, GONE, READY, Frame
from geartrain.tls import TlsStream, reason_of

if TYPE_CHECKING:
    from geartrain.pool.desk import PoolDesk

AGAIN: Final = 0.2  # seconds after which a link that broke is made again, if looking at the pool takes longer
MOST_UNPROVEN: Final = 64  # links at a time that have not proven to be of the pool
TELLING: Final = 1.0  # seconds between two lines in the log about links that are refused
BLIP: Final = 1.0  # seconds in which a server whose link broke may make a new one


class Neighbours:
    """Links to the leaders that this server follows, and from the fronts for which it leads."""

    def __init__(self, desk: PoolDesk) -> None:
        self.desk = desk
        self.hub = desk.hub
        self.log = desk.log
        self.leaders: dict[int, Lease] = {}  # of the shards that others lead, while their leader is reached
        self.links: dict[str, Link] = {}  # to leaders, by the server's id
        self.guests: dict[str, Link] = {}  # from fronts
        self.unproven: dict[Link, None] = {}  # from those that have not shown to be of the pool yet, by age
        self.refused = 0  # links of which the log does not know yet
        self.tell_refused_at = 0.0  # when it may be told again, by monotonic time
        self.unreached: set[str] = set()  # servers of which the log knows that they cannot be reached
        self.broken: set[str] = set()  # servers whose link to us, or ours to them, has broken

    def all_links(self) -> list[Link]:
        """Those to leaders, and those from fronts."""
        return [*self.links.values(), *self.guests.values()]

    def flush(self) -> None:
        """Write what was sent in this turn."""
        for link in self.all_links():
            link.flush()

    def mind_full(self) -> None:
        """Read from peers only while every link takes what they say."""
        self.desk.around.read_peers(not any(link.full for link in self.all_links()))

    def have_to_hear(self) -> bool:
        """Whether there is something to write to them."""
        for link in self.all_links():
            if link.outbox.frames:
                return True
        return False

    def close(self) -> None:
        """End all links."""
        for link in [*self.all_links(), *self.unproven]:
            link.close()

    # Links to leaders

    def follows_another(self, shard: int, lease: Lease) -> bool:
        """Whether this server is linked to a shard's leader that has another lease than this."""
        known = self.leaders.get(shard)
        return known is not None and known.token != lease.token

    def follow(self, shard: int, lease: Lease) -> None:
        """Reach the leader of a shard, if it is not reached yet."""
        known = self.leaders.get(shard)
        leader = card_in(lease)
        if known is not None and (known.token == lease.token or card_in(known).server == leader.server):
            return  # one that led, and leads again, says GONE in between: what it says before is for the last time
        self.unfollow(shard)
        if leader.server == self.desk.me:  # an earlier lease of ours, which runs out
            return
        link = self.links.get(leader.server)
        if link is None:
            link = self.links[leader.server] = Link(self.hear_leader, self.lose_leader, self.mind_full)
            link.server = leader.server
            self.desk.begin(self.reach(link, leader))
        elif link.is_open():
            self.reached(shard, lease, link)

    async def reach(self, link: Link, leader: Card) -> None:
        """Have a link to a server."""
        refused = False
        try:
            context = self.desk.around.link_context() if leader.tls else None
            proof = FrontsProof(self.desk.me, leader.server, self.desk.secrets)
            await dial(link, leader, proof, self.desk.heartbeat, context)
        except ConnectionRefusedError:
            refused = True
        except (OSError, TimeoutError, StoreError) as error:
            why = reason_of(error) if isinstance(error, OSError) else str(error)
            self.say_unreached(leader, why or type(error).__name__)
        if link.is_open():
            self.broken.discard(link.server)
            self.unreached.discard(link.server)
            for shard, lease in enumerate(self.desk.election.leases):
                if lease is not None and card_in(lease).server == link.server:
                    self.reached(shard, lease, link)
            return self.desk.take_turn()
        self.links.pop(link.server, None)
        if refused:
            await self.desk.election.replace_dead(leader)

    def say_unreached(self, leader: Card, error: str) -> None:
        """Tell the log, once for each server."""
        if leader.server not in self.unreached:
            self.unreached.add(leader.server)
            self.log.warning("a leader is not reached", extra={"address": leader.address, "error": error})

    def reached(self, shard: int, lease: Lease, link: Link) -> None:
        """The leader of a shard hears us."""
        if shard not in self.leaders and shard not in self.desk.leaderships:
            self.leaders[shard] = lease
            link.led.add(shard)
            self.hub.lead(shard, link.outbox.send)

    def unfollow(self, shard: int) -> None:
        if self.leaders.pop(shard, None) is not None:
            for link in self.links.values():
                link.led.discard(shard)
            self.hub.part(shard)

    def lose_leader(self, link: Link) -> None:
        """A link to a leader is gone."""
        if self.links.get(link.server) is not link or link.greeting_is_due():
            return
        del self.links[link.server]
        self.broken.add(link.server)
        for shard in list(link.led):
            self.unfollow(shard)
        self.desk.election.hurry.set()
        self.desk.loop.call_later(AGAIN, self.follow_again, link.server)

    def part_with_deaf(self) -> None:
        """Make those links anew over which a question got no answer, and nothing else came, for a heartbeat."""
        since = self.desk.loop.time() - self.desk.heartbeat
        for link in list(self.links.values()):
            if not link.is_open() or link.heard_at > since:
                continue
            if any(self.hub.unanswered_since(shard) < since for shard in link.led):
                self.log.warning("a leader does not answer, its link is made anew", extra={"id": link.server})
                link.abort()

    def follow_again(self, server: str) -> None:
        """Have another link to a leader, even while we cannot look at the pool, as some engine does not answer."""
        for shard, lease in enumerate(self.desk.election.leases):
            if lease is not None and card_in(lease).server == server and shard not in self.desk.leaderships:
                self.follow(shard, lease)

    def hear_leader(self, link: Link, chunk: bytes) -> None:
        """What a leader tells this front."""
        self.desk.around.set_time()
        try:
            for shard in self.desk.exchange.hear_all(link.stream.receive(chunk), link.led):
                self.unfollow(shard)
                self.desk.election.hurry.set()
        except ValueError as error:
            self.end_link(link, error)
        except (
            Exception
        ) as error:  # whatever it is: it is the end of this link, and the other end attaches anew
            self.desk.accidents.append(Accident("a frame of a server", error, None))
            link.close()
        self.desk.take_turn()

    def end_link(self, link: Link, error: ValueError) -> None:
        """Part with a server whose frames cannot be read."""
        self.log.error("a link says what is no frame", extra={"id": link.server, "error": str(error)})
        link.close()

    # Links from fronts

    def let_in(self) -> None:
        """Make links of the connections that greeted as other servers' links."""
        greeted, self.hub.greeted = self.hub.greeted, []
        for front, line in greeted:
            if front.connection not in self.desk.fronts:
                continue  # it has greeted twice
            endpoint, stream = self.desk.around.give_away(front.connection)
            self.desk.disconnect(front.connection)
            host = text(front.connection.host)
            try:
                self.expect_proof(endpoint, stream, LeadersProof(line, self.desk.me, self.desk.secrets), host)
            except StoreError as error:
                self.say_refused(host, str(error))
                refusal = b"ERR %b\n" % str(error).encode()
                with suppress(OSError):
                    endpoint.send(refusal if stream is None else b"".join(stream.seal(refusal)))
                endpoint.close()

    def expect_proof(
        self, endpoint: socket.socket, stream: TlsStream | None, proof: LeadersProof, host: str
    ) -> None:
        """Answer a front; the oldest of too many that have proven nothing makes room, as a proof takes no time."""
        if len(self.unproven) >= MOST_UNPROVEN:
            oldest = next(iter(self.unproven))
            del self.unproven[oldest]
            oldest.close()
        link = Link(self.hear_front, self.lose_front, self.mind_full)
        link.open_with(partial(self.welcome, link, proof))
        self.unproven[link] = None
        adopted = adopt(link, endpoint, stream, proof.answer(), self.desk.heartbeat)
        self.desk.begin(self.prove(link, adopted, host, proof.meant == self.desk.me.encode()))

    async def prove(self, link: Link, adopted: Coroutine[None, None, None], host: str, meant: bool) -> None:
        """Wait until a front has proven that it is of the pool.

        The log does not tell of one that meant the server that was here before.
        """
        try:
            await adopted
        except TimeoutError:
            self.say_refused(host, "a link without a proof in time")
        except (OSError, StoreError) as error:
            if meant:
                self.say_refused(host, str(error))
        finally:
            self.unproven.pop(link, None)

    def say_refused(self, host: str, error: str) -> None:
        """Tell the log of a link that is refused, once a second: whoever reaches the port can make it so."""
        self.refused += 1
        now = self.desk.loop.time()
        if now >= self.tell_refused_at:
            fields = {"host": host, "error": error, "times": self.refused}
            self.log.warning("a link is refused", extra=fields)
            self.refused, self.tell_refused_at = 0, now + TELLING

    def welcome(self, link: Link, proof: LeadersProof, line: bytes) -> None:
        """Let a front in that proves to be of the pool; raises StoreError where it does not."""
        proof.check(line)
        server = link.server = proof.server
        previous = self.guests.get(server)
        if previous is not None:
            self.drop_guest(server)
            previous.close()
            self.orphan(server)
        self.guests[server] = link
        self.desk.exchange.outboxes[server] = link.outbox

    def orphan(self, server: str) -> None:
        for leadership in self.desk.leaderships.values():
            leadership.orphan(server)

    def lose_front(self, link: Link) -> None:
        """A front's link is gone: it may make another one soon, else it is gone as well."""
        if self.guests.get(link.server) is not link:
            return
        self.drop_guest(link.server)
        if link.heard:  # one that said nothing looked for the server that was here before us
            self.orphan(link.server)
            self.desk.loop.call_later(BLIP, self.look_after, link.server)

    def drop_guest(self, server: str) -> None:
        """There is no link from a front."""
        refused = self.desk.exchange.refused
        refused -= {key for key in refused if key[0] == server}
        del self.guests[server]
        del self.desk.exchange.outboxes[server]

    def look_after(self, server: str) -> None:
        if server not in self.guests:
            self.broken.add(server)
            self.forget_guest(server)
            self.desk.take_turn()

    def hear_front(self, link: Link, chunk: bytes) -> None:
        """What a front says to the leader of a shard."""
        self.desk.around.set_time()
        self.broken.discard(link.server)
        try:
            for frame in self.desk.exchange.take(link.server, link.stream.receive(chunk)):
                self.take_early(link, frame)
        except ValueError as error:
            self.end_link(link, error)
        except Exception as error:  # the same
            self.desk.accidents.append(Accident("a frame of a server", error, None))
            link.close()
        self.desk.take_turn()

    def take_early(self, link: Link, frame: Frame) -> None:
        """A frame for a shard that is not loaded yet, or that we do not lead, as far as we know.

        A front may hear that the lease is ours before we do. If some peer's ATTACH came too early, all are refused,
        and attached once more.
        """
        kind, shard, number, body = frame
        refused = self.desk.exchange.refused
        leadership = self.desk.leaderships.get(shard)
        if leadership is not None and (link.server, shard) not in refused:
            return leadership.take(link.server, kind, number, body)
        if kind == ATTACH:
            refused.add((link.server, shard))
        elif kind == READY:
            refused.discard((link.server, shard))
            link.outbox.send(GONE, shard, 0, body)

    def part_with_silent(self, members: Mapping[str, Card]) -> None:
        """What the peers of a server ran that is silent for too long is queued again."""
        for server in list(self.guests):
            member = members.get(server)  # None where it has just come, and the engine has forgotten it
            if member is not None and member.age >= self.desk.heartbeat:
                self.log.warning(
                    "a server of the pool is silent, its jobs are queued again", extra={"id": server}
                )
                self.guests[server].close()
                self.drop_guest(server)
                self.forget_guest(server)

    def forget_guest(self, server: str) -> None:
        for leadership in self.desk.leaderships.values():
            leadership.leave(server)
