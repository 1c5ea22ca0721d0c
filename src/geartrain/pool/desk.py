"""PoolDesk: a server of a pool, as the desk its peers are connected to.

It is a front for its own peers, and the leader of some shards for those of all servers.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from functools import partial
from typing import Final, NamedTuple

from geartrain.broker.broker import Broker
from geartrain.broker.model import Connection
from geartrain.broker.rules import Rules
from geartrain.errors import StoreError
from geartrain.pool.card import Card, card_in, card_of
from geartrain.pool.leadership import COUNT, MARGIN, Leadership
from geartrain.pool.links import Link, adopt, dial, guest_of
from geartrain.pool.registry import Lease, Registry
from geartrain.pool.store import ValkeyStore
from geartrain.relay.frames import CLOSED, FENCED, GONE, REPLIES, SETTLED, Frame, parts_of
from geartrain.relay.front import Front
from geartrain.relay.hub import Hub

Configure = Callable[[Broker], None]

BEATS: Final = 10  # in the time after which a silent server is given up
HURRY: Final = 0.05  # seconds between looks while a shard has no leader
MOST_ROUNDS: Final = 8  # of questions and answers within a turn
BLIP: Final = 1.0  # seconds in which a server whose link broke may make a new one


class Surroundings(NamedTuple):
    """What a member needs of the server around it."""

    broker_for: Callable[[Rules], Broker]  # configured
    give_away: Callable[[Connection], socket.socket]  # a peer's socket, which is no peer's any more
    turn: Callable[[], None]  # takes a turn
    read: Callable[[], None]  # takes turns as long as there is something to read
    set_time: Callable[[], None]
    log: logging.Logger


class PoolDesk:
    """A desk, as ``server/desk.py`` says; the pool is on the other side of it."""

    def __init__(
        self,
        registry: Registry,
        card: Card,
        store_for: Callable[[int, str], ValkeyStore],
        rules: Rules,
        payload_limit: int,
        heartbeat: float,
        hold: float,
        around: Surroundings,
    ) -> None:
        self.card = card  # of this server
        self.me = card.server  # its id
        self.registry = registry
        self.store_for = store_for
        self.rules = rules
        self.payload_limit = payload_limit
        self.heartbeat = heartbeat  # seconds after which a silent server is given up
        self.around = around
        self.log = around.log
        self.loop = asyncio.get_running_loop()
        self.hub = Hub(registry.address.shards, rules, payload_limit, hold)
        self.dirty = self.hub.dirty
        self.notices = self.hub.notices
        self.ended: list[Connection] = []
        self.fronts: dict[Connection, Front] = {}
        self.secret = ""
        self.leaderships: dict[int, Leadership] = {}
        self.shards = registry.address.shards
        self.leaders: dict[int, Lease] = {}  # of the shards that others lead, while their leader is reached
        self.leases: list[Lease | None] = [None] * self.shards
        self.empty_looks = [0] * self.shards  # in a row that found no lease
        self.members: dict[str, Card] = {self.me: card}  # of the servers, by id
        self.links: dict[str, Link] = {}  # to leaders, by the server's id
        self.guests: dict[str, Link] = {}  # from fronts
        self.broken: set[str] = set()  # servers whose link to us, or ours to them, has broken
        self.tasks: set[asyncio.Task[None]] = set()
        self.hurry = asyncio.Event()
        self.watching: asyncio.Task[None] | None = None
        self.stopping = False
        self.failure = ""  # why the last look failed
        self.now = 0.0
        self.clock = 0.0

    # The desk

    async def start(self) -> None:
        """Join the pool. Raises StoreError where the engine cannot be used."""
        self.secret = await self.registry.join()
        if not self.card.host:
            self.card = self.card._replace(host=self.registry.engine.local_host())
        await self.look()
        self.watching = asyncio.create_task(self.watch())

    def configure(self, configure: Configure) -> None:
        for leadership in self.leaderships.values():
            configure(leadership.broker)

    def connect(self, number: int, host: bytes) -> tuple[Connection, Callable[[bytes], None]]:
        front = self.hub.connect(number, host)
        self.fronts[front.connection] = front
        return front.connection, front.receive

    def disconnect(self, connection: Connection) -> None:
        self.hub.disconnect(self.fronts.pop(connection))

    def set_time(self, now: float, clock: float) -> None:
        self.now = now
        self.clock = clock
        self.hub.set_time(now)
        for leadership in self.leaderships.values():
            leadership.broker.set_time(now, clock)

    def end_turn(self) -> None:
        hub = self.hub
        if hub.greeted:
            self.let_in()
        hub.tick()
        others = self.others()
        for _ in range(MOST_ROUNDS):
            for leadership in list(self.leaderships.values()):
                leadership.end_turn(others)
            # What a front heard may have made it ask another shard.
            if not any(leadership.broker.dirty for leadership in self.leaderships.values()):
                break
        for leadership in self.leaderships.values():
            self.notices += leadership.broker.notices
            leadership.broker.notices.clear()
        for link in (*self.links.values(), *self.guests.values()):
            link.flush()
        for front in hub.ended:
            self.ended.append(front.connection)
        hub.ended.clear()

    def wait(self) -> float:
        soonest = self.hub.wait()
        for leadership in self.leaderships.values():
            soonest = min(soonest, leadership.wait())
        return soonest

    def keep(self, idle: bool) -> None:
        for leadership in self.leaderships.values():
            if leadership.loaded and not leadership.closed:
                leadership.committer.begin(idle)

    def holds(self, connection: Connection) -> bool:
        return False

    def stop(self) -> None:
        """Serve who is here until their jobs are done; the queues are the others', if there are any."""
        self.stopping = True
        self.hub.drain()
        if self.others():
            for shard in list(self.leaderships):
                self.begin(self.hand_over(shard))
        else:
            for leadership in self.leaderships.values():
                leadership.broker.stop()

    def is_running_jobs(self) -> bool:
        return self.hub.is_busy()

    def finish(self) -> None:
        self.stop()

    def is_finished(self) -> bool:
        return not self.hub.is_busy()

    async def close(self) -> None:
        """Leave the pool."""
        if self.watching is not None:
            self.watching.cancel()
        for shard in list(self.leaderships):
            await self.hand_over(shard)
        if self.tasks:
            await asyncio.wait(self.tasks)
        for link in (*self.links.values(), *self.guests.values()):
            link.close()
        with suppress(StoreError):
            await self.registry.leave(self.me)
        await self.registry.close()

    def counts(self) -> Mapping[str, object]:
        return {"server": self.me, "shards": self.shards}

    # Who leads

    async def watch(self) -> None:
        """Look at the pool, again and again."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self.pause()):
                    await self.hurry.wait()
            self.hurry.clear()
            try:
                await self.look()
                self.say("")
            except StoreError as error:
                self.say(str(error))
            self.take_turn()

    def pause(self) -> float:
        """Seconds until the next look."""
        led = self.leaders.keys() | self.leaderships.keys()
        return self.heartbeat / BEATS if len(led) == self.shards else HURRY

    def say(self, failure: str) -> None:
        """Tell the log when the engine is not reached, and when it is again."""
        if failure and failure != self.failure:
            self.log.error("the engine of the pool does not answer", extra={"error": failure})
        elif self.failure and not failure:
            self.log.warning("the engine of the pool answers again")
        self.failure = failure

    async def look(self) -> None:
        """Say that we are here, see who else is, and who leads. Raises StoreError."""
        members = await self.registry.beat(self.me, self.about_me().text())
        self.members = {member.server: card_of(member) for member in members}
        self.part_with_silent()
        ends = await asyncio.gather(*map(self.look_at, range(self.shards)), return_exceptions=True)
        self.share()
        for end in ends:
            if isinstance(end, BaseException):
                raise end

    async def look_at(self, shard: int) -> None:
        """See who leads a shard; lead it, go on leading it, or follow. Raises StoreError."""
        leadership = self.leaderships.get(shard)
        if leadership is not None and not leadership.closed:
            return await self.renew(leadership)
        lease = self.leases[shard] = await self.registry.lease(shard)
        if lease is not None:
            self.empty_looks[shard] = 0
            return self.follow(shard, lease)
        self.empty_looks[shard] += 1
        await self.stand(shard)

    def about_me(self) -> Card:
        return self.card._replace(
            shards=tuple(sorted(self.leaderships)), connections=len(self.fronts), fenced=self.hub.fenced
        )

    def others(self) -> set[str]:
        """The other servers that are there."""
        return {
            id
            for id, member in self.members.items()
            if id != self.me and member.age < self.heartbeat and id not in self.broken
        }

    def part_with_silent(self) -> None:
        """What the peers of a server ran that is silent for too long is queued again."""
        for server in list(self.guests):
            member = self.members.get(server)
            if member is None or member.age >= self.heartbeat:
                self.log.warning(
                    "a server of the pool is silent, its jobs are queued again", extra={"id": server}
                )
                self.guests.pop(server).close()
                self.forget_guest(server)

    def forget_guest(self, server: str) -> None:
        for leadership in self.leaderships.values():
            leadership.leave(server)

    async def renew(self, leadership: Leadership) -> None:
        """Go on leading, as long as the engine says so."""
        asked_at = self.loop.time()
        lease = await self.registry.renew(leadership.shard, leadership.token, self.heartbeat)
        if leadership.closed:
            return None
        if lease is None or lease.token != leadership.token:
            return leadership.lose()
        self.leases[leadership.shard] = lease
        leadership.renew(asked_at + self.heartbeat * MARGIN)

    async def stand(self, shard: int) -> None:
        """Lead a shard that nobody leads, unless it is rather another server's turn."""
        if not self.stopping and (self.has_room() or self.empty_looks[shard] > 3):
            await self.take_lease(shard, "")

    def has_room(self) -> bool:
        """Whether this server leads less than its share."""
        servers = 1 + len(self.others())
        return len(self.leaderships) < -(-self.shards // servers)

    async def take_lease(self, shard: int, instead_of: str) -> None:
        token = secrets.token_hex(8)
        asked_at = self.loop.time()
        lease = await self.registry.lead(shard, token, self.about_me().text(), self.heartbeat, instead_of)
        self.leases[shard] = lease
        if lease.token == token:
            self.take_shard(shard, token, asked_at)
        else:
            self.follow(shard, lease)

    def take_shard(self, shard: int, token: str, asked_at: float) -> None:
        """The lease is ours."""
        self.unfollow(shard)
        broker = self.around.broker_for(self.rules._replace(shard=shard, shards=self.shards))
        broker.set_time(self.loop.time(), self.clock)
        leadership = Leadership(
            shard,
            token,
            self.store_for(shard, token),
            broker,
            self.payload_limit,
            self.tell,
            self.read,
            self.log,
            partial(self.fenced, shard),
        )
        leadership.safe_until = asked_at + self.heartbeat * MARGIN
        self.leaderships[shard] = leadership
        self.begin(self.load(leadership))

    async def load(self, leadership: Leadership) -> None:
        shard = leadership.shard
        try:
            await leadership.load()
        except StoreError as error:
            self.log.error("a shard cannot be led", extra={"shard": shard, "error": str(error)})
            self.drop(shard)
            with suppress(StoreError):
                await self.registry.release(shard, leadership.token)
            return
        if self.leaderships.get(shard) is leadership:
            self.hub.lead(shard, partial(self.send_to_us, leadership))
            self.log.warning("leading", extra={"shard": shard, "jobs": len(leadership.broker.jobs)})
            self.take_turn()

    def fenced(self, shard: int, late: int) -> None:
        """The lease of a shard that we led is another server's."""
        self.hub.fenced += late
        self.log.warning("another server leads", extra={"shard": shard, "refused": late})
        self.drop(shard)
        self.hurry.set()

    def drop(self, shard: int) -> None:
        """Do not lead a shard any more."""
        leadership = self.leaderships.pop(shard, None)
        if leadership is not None:
            self.hub.part(shard)
            leadership.say_gone(set(self.guests))

    async def hand_over(self, shard: int) -> None:
        """Let another server lead."""
        leadership = self.leaderships.get(shard)
        if leadership is None or leadership.closed:
            return
        if leadership.loaded:
            await leadership.close()
        self.drop(shard)
        with suppress(StoreError):
            await self.registry.release(shard, leadership.token)
        self.hurry.set()

    def share(self) -> None:
        """Hand one shard to a server that leads fewer, where the difference is more than one."""
        if self.stopping or len(self.leaderships) < 2 or None in self.leases:
            return
        led = dict.fromkeys(self.others(), 0)
        for lease in self.leases:
            holder = "" if lease is None else card_in(lease).server
            if holder in led:
                led[holder] += 1
        if led and min(led.values()) + 1 < len(self.leaderships):
            shard = max(self.leaderships)
            self.empty_looks[shard] = -2 * BEATS
            self.begin(self.hand_over(shard))

    # Links to leaders

    def follow(self, shard: int, lease: Lease) -> None:
        """Reach the leader of a shard, if it is not reached yet."""
        known = self.leaders.get(shard)
        if known is not None and known.token == lease.token:
            return
        self.unfollow(shard)
        leader = card_in(lease)
        if leader.server == self.me:  # an earlier lease of ours, which runs out
            return
        link = self.links.get(leader.server)
        if link is None:
            link = self.links[leader.server] = Link(self.hear_leader, self.lose_leader)
            link.server = leader.server
            self.begin(self.reach(link, leader))
        elif link.is_open():
            self.reached(shard, lease, link)

    async def reach(self, link: Link, leader: Card) -> None:
        """Have a link to a server."""
        refused = False
        try:
            await dial(link, leader.host, leader.port, self.me, self.secret, self.heartbeat)
        except ConnectionRefusedError:
            refused = True
        except (OSError, TimeoutError, StoreError) as error:
            self.log.warning(
                "a leader is not reached", extra={"address": leader.address, "error": str(error)}
            )
        if link.is_open():
            self.broken.discard(link.server)
            for shard, lease in enumerate(self.leases):
                if lease is not None and card_in(lease).server == link.server:
                    self.reached(shard, lease, link)
            return self.take_turn()
        self.links.pop(link.server, None)
        if refused:
            await self.replace_dead(leader)

    async def replace_dead(self, dead: Card) -> None:
        """Lead instead of a server whose process is gone: it had a link, or is silent, and its port is closed."""
        member = self.members.get(dead.server)
        silent = member is None or member.age > 3 * self.heartbeat / BEATS
        if self.stopping or not (dead.server in self.broken or silent):
            return
        self.broken.add(dead.server)
        for shard, lease in enumerate(self.leases):
            if lease is not None and card_in(lease).server == dead.server and shard not in self.leaderships:
                with suppress(StoreError):
                    await self.take_lease(shard, lease.token)

    def reached(self, shard: int, lease: Lease, link: Link) -> None:
        """The leader of a shard hears us."""
        if shard not in self.leaders and shard not in self.leaderships:
            self.leaders[shard] = lease
            self.hub.lead(shard, link.send)

    def unfollow(self, shard: int) -> None:
        if self.leaders.pop(shard, None) is not None:
            self.hub.part(shard)

    def lose_leader(self, link: Link) -> None:
        """A link to a leader is gone."""
        if self.links.get(link.server) is not link or link.greeting_is_due():
            return
        del self.links[link.server]
        self.broken.add(link.server)
        for shard, lease in list(self.leaders.items()):
            if card_in(lease).server == link.server:
                self.unfollow(shard)
        self.hurry.set()

    def hear_leader(self, link: Link, frames: list[Frame]) -> None:
        """What a leader tells this front."""
        self.around.set_time()
        for kind, shard, number, body in frames:
            if kind == GONE:
                if shard in self.leaders and card_in(self.leaders[shard]).server == link.server:
                    self.unfollow(shard)
                    self.hurry.set()
            else:
                self.tell(self.me, kind, shard, number, body)
        self.take_turn()

    # Links from fronts

    def let_in(self) -> None:
        """Make links of the connections that greeted as other servers' links."""
        greeted, self.hub.greeted = self.hub.greeted, []
        for front, line in greeted:
            endpoint = self.around.give_away(front.connection)
            self.disconnect(front.connection)
            try:
                server = guest_of(line, self.secret)
            except StoreError as error:
                self.log.warning("a link is refused", extra={"error": str(error)})
                with suppress(OSError):
                    endpoint.send(b"ERR %b\n" % str(error).encode())
                endpoint.close()
                continue
            link = Link(self.hear_front, self.lose_front)
            link.server = server
            previous = self.guests.pop(server, None)
            if previous is not None:
                previous.close()
                self.orphan(server)
            self.guests[server] = link
            for leadership in self.leaderships.values():
                leadership.forget_counts(server)
            self.begin(adopt(link, endpoint, self.me, self.heartbeat))

    def orphan(self, server: str) -> None:
        for leadership in self.leaderships.values():
            leadership.seat.orphan(server)

    def lose_front(self, link: Link) -> None:
        """A front's link is gone: it may make another one soon, else it is gone as well."""
        if self.guests.get(link.server) is not link:
            return
        del self.guests[link.server]
        self.orphan(link.server)
        self.loop.call_later(BLIP, self.look_after, link.server)

    def look_after(self, server: str) -> None:
        if server not in self.guests:
            self.broken.add(server)
            self.forget_guest(server)
            self.take_turn()

    def hear_front(self, link: Link, frames: list[Frame]) -> None:
        """What a front says to the leader of a shard."""
        self.around.set_time()
        self.broken.discard(link.server)
        for kind, shard, number, body in frames:
            leadership = self.leaderships.get(shard)
            if leadership is None:
                link.send(GONE, shard, 0)
            else:
                leadership.take(link.server, kind, number, body)
        self.take_turn()

    def tell(self, server: str, kind: int, shard: int, number: int, body: bytes) -> None:
        """A frame from a leader to a front, this server's own or another's."""
        if server != self.me:
            link = self.guests.get(server)
            if link is not None:
                link.send(kind, shard, number, body)
        elif kind == REPLIES:
            self.hub.hear(shard, number, parts_of(body))
        elif kind == FENCED:
            self.hub.fence(shard, number, parts_of(body))
        elif kind == CLOSED:
            code, text = parts_of(body)
            self.hub.close(shard, number, code, text)
        elif kind == SETTLED:
            self.hub.settle(shard, COUNT.unpack(body)[0])

    def send_to_us(self, leadership: Leadership, kind: int, shard: int, number: int, body: bytes) -> None:
        """A frame from this front to the leader of a shard, which is this server."""
        leadership.take(self.me, kind, number, body)

    # Turns

    def take_turn(self) -> None:
        self.around.turn()

    def read(self) -> None:
        """Take turns; one at least, where somebody has something to hear."""
        self.around.read()
        if self.hub.dirty or any(link.outgoing for link in self.guests.values()):
            self.take_turn()

    def begin(self, work: Coroutine[None, None, None]) -> None:
        """Have something done beside the turns."""
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
