"""PoolDesk: a server of a pool, as the desk its peers are connected to.

It is a front for its own peers, and the leader of some shards for those of all servers.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
import ssl
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Final, NamedTuple

from geartrain.broker.access import Badge
from geartrain.broker.accidents import Accident
from geartrain.broker.broker import Broker
from geartrain.broker.model import Connection
from geartrain.broker.rules import Rules
from geartrain.errors import StoreError
from geartrain.pool.card import Card, card_in, is_loopback
from geartrain.pool.election import Election
from geartrain.pool.leadership import Leadership
from geartrain.pool.neighbours import Neighbours
from geartrain.pool.registry import Registry
from geartrain.pool.store import ValkeyStore
from geartrain.relay.exchange import Exchange
from geartrain.relay.front import Front
from geartrain.relay.guard import guard
from geartrain.relay.hub import Hub
from geartrain.store.durations import Durations
from geartrain.tls import TlsStream

Configure = Callable[[Broker], None]

MOST_ROUNDS: Final = 8  # of questions and answers within a turn
LAG: Final = 0.01  # seconds after which other servers hear what is settled


class Surroundings(NamedTuple):
    """What a member needs of the server around it."""

    broker_for: Callable[[Rules], Broker]
    # A peer's socket, which is no peer's any more, and the TLS that it speaks, if it does.
    give_away: Callable[[Connection], tuple[socket.socket, TlsStream | None]]
    link_context: Callable[[], ssl.SSLContext]  # for links to servers that speak TLS
    turn: Callable[[], None]  # takes a turn
    read: Callable[[], None]  # takes turns as long as there is something to read
    read_peers: Callable[[bool], None]  # whether peers are to be read from
    set_time: Callable[[], None]
    log: logging.Logger
    notice: int  # the log's level for what is worth knowing and no trouble


class PoolDesk:
    """A desk, as ``server/desk.py`` says; the pool is on the other side of it."""

    def __init__(
        self,
        check: Callable[[], Coroutine[None, None, list[str]]],
        registry: Registry,
        card: Card,
        store_for: Callable[[int, str], ValkeyStore],
        rules: Rules,
        payload_limit: int,
        heartbeat: float,
        hold: float,
        around: Surroundings,
    ) -> None:
        self.check = check  # says what is doubtful about the engine; raises StoreError where it loses jobs
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
        self.hub = Hub(registry.address.shards, rules, payload_limit, hold, secrets.randbelow(1000) * 1000)
        self.hub.about = self.about
        self.exchange = Exchange(self.me, self.hub)
        self.dirty = self.hub.dirty
        self.notices = self.hub.notices
        self.deeds = self.hub.deeds
        self.accidents: list[Accident] = []
        self.ended: list[Connection] = []
        self.fronts: dict[Connection, Front] = {}
        self.leaving: dict[Connection, Front] = {}  # they say no more, and have answers to come
        self.configuration: Configure | None = None  # for the brokers to come; None while none is known
        self.secrets: list[bytes] = []  # that servers of the pool have in common, the newest first
        self.shards = registry.address.shards
        self.commits = Durations()
        self.round_trips = registry.round_trips
        self.stopping = False
        self.turn_is_due = False  # somebody waits for a turn
        self.turning = False  # the loop will see to that
        self.flushing = False  # the links are to be written to soon
        self.lagging = False  # in a while also to those to which nothing else is to be said
        self.neighbours = Neighbours(self)
        self.election = Election(self)
        self.leaderships = self.election.leaderships
        self.tasks: set[asyncio.Task[None]] = set()
        self.watching: asyncio.Task[None] | None = None
        self.now = 0.0
        self.clock = 0.0

    # The desk

    async def start(self) -> None:
        """Join the pool. Raises StoreError where the engine cannot be used, SettingsError where it is another pool."""
        self.notices += await self.check()
        await self.registry.join()
        self.secrets = await self.registry.secrets()
        if not self.card.host:
            self.card = self.card._replace(host=self.registry.engine.local_host())
        if not self.card.tls and not is_loopback(self.card.host):
            self.log.warning("links of the pool are not encrypted", extra={"address": self.card.address})
        await self.election.look()
        self.watching = asyncio.create_task(self.election.watch())

    def configure(self, configure: Configure) -> None:
        self.configuration = configure
        for leadership in self.leaderships.values():
            configure(leadership.broker)

    def connect(self, number: int, host: bytes) -> tuple[Connection, Callable[[bytes], None]]:
        front = self.hub.connect(number, host)
        self.fronts[front.connection] = front
        return front.connection, front.receive

    def guard(self, connection: Connection, badge: Badge | None) -> None:
        front = self.fronts.get(connection)
        if front is not None:
            guard(front, badge)

    def disconnect(self, connection: Connection) -> None:
        front = self.fronts.pop(connection)
        if front.is_owed():
            self.leaving[connection] = front
        else:
            self.hub.disconnect(front)

    @property
    def whole(self) -> list[Connection]:
        """None: a front answers what comes behind a list in its turn."""
        return []

    def go_on(self, connection: Connection) -> bool:
        return True

    def held(self, connection: Connection) -> int:
        front = self.fronts.get(connection)
        return 0 if front is None else front.stream.held()

    def part_with_leaving(self) -> None:
        """Forget the peers that have said their last and heard what they are owed."""
        for connection, front in list(self.leaving.items()):
            if not front.is_owed():
                del self.leaving[connection]
                self.hub.disconnect(front)

    def set_time(self, now: float, clock: float) -> None:
        self.now = now
        self.clock = clock
        self.hub.set_time(now)
        for leadership in self.leaderships.values():
            leadership.set_time(now, clock)

    def end_turn(self) -> None:
        hub = self.hub
        self.turn_is_due = False
        if hub.greeted:
            self.neighbours.let_in()
        hub.tick()
        for _ in range(MOST_ROUNDS):
            for leadership in list(self.leaderships.values()):
                self.end_turn_of(leadership)
            # What a front heard may have made it ask another shard.
            if not any(leadership.broker.dirty for leadership in self.leaderships.values()):
                break
        for leadership in self.leaderships.values():
            broker = leadership.broker
            self.notices += broker.notices
            broker.notices.clear()
            self.accidents += broker.accidents
            broker.accidents.clear()
        if self.leaving:
            self.part_with_leaving()
        if not self.flushing and self.has_to_write():
            self.flushing = True
            self.loop.call_soon(self.flush)
        for front in hub.ended:
            self.ended.append(front.connection)
        hub.ended.clear()

    def end_turn_of(self, leadership: Leadership) -> None:
        """The end of a turn for one shard; an exception is its own, and the other shards go on."""
        try:
            leadership.end_turn(self.election.others)
        except Exception as error:  # whatever it is
            self.accidents.append(Accident(f"the end of a turn of shard {leadership.shard}", error, None))

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
        return connection in self.leaving

    def will_answer(self, connection: Connection) -> bool:
        front = self.fronts.get(connection)
        return front is not None and bool(front.replies.questions)

    def stop(self) -> None:
        """Serve who is here until their jobs are done; the queues are the others', if there are any."""
        self.stopping = True
        self.hub.drain()
        self.election.hurry.set()
        if self.election.heirs():
            self.election.step_down()
        else:
            for leadership in self.leaderships.values():
                leadership.broker.stop()

    def unfinished(self) -> str:
        return self.hub.unfinished()

    def finish(self) -> None:
        self.stop()

    def is_finished(self) -> bool:
        return not self.hub.is_busy()

    async def close(self) -> None:
        """Leave the pool."""
        if self.watching is not None:
            self.watching.cancel()
        for shard in list(self.leaderships):
            await self.election.hand_over(shard)
        if self.tasks:
            await asyncio.wait(self.tasks)
        self.neighbours.close()
        with suppress(StoreError):
            await self.registry.leave(self.me)
        await self.registry.close()

    def counts(self) -> Mapping[str, object]:
        return {"store": self.registry.address.name, "server": self.me, "shards": self.shards}

    def brokers(self) -> list[Broker]:
        return [leadership.broker for leadership in self.leaderships.values() if leadership.opened]

    def faults(self) -> list[str]:
        election = self.election
        found = [f"the engine does not answer: {election.failure}"] if election.failure else []
        for shard in range(self.shards):
            leadership = self.leaderships.get(shard)
            if leadership is None and shard not in self.neighbours.leaders:
                found.append(f"no server that can be reached leads shard {shard}")
            fault = "" if leadership is None else leadership.fault()
            if fault:
                found.append(f"shard {shard}: {fault}")
        return found

    def renewal(self) -> str:
        return ""

    def warnings(self) -> list[str]:
        return self.election.losses.seen

    def fenced(self) -> int:
        return self.hub.fenced

    def tell_about(self, about: Callable[[], dict[str, object]]) -> None:
        self.hub.here.about = about

    def broker_for(self, shard: int) -> Broker:
        """A new broker for a shard, with what the configuration file says by now."""
        broker = self.around.broker_for(self.rules._replace(shard=shard, shards=self.shards))
        # The time first: a schedule has missed what came between the time at which it is known and now.
        broker.set_time(self.loop.time(), self.clock)
        if self.configuration is not None:
            self.configuration(broker)
        return broker

    # What is known

    def about_me(self) -> Card:
        return self.card._replace(
            led={str(shard): leadership.about() for shard, leadership in sorted(self.leaderships.items())},
            connections=len(self.fronts),
            fenced=self.hub.fenced,
            stopping=self.stopping,
        )

    def about(self) -> list[dict[str, object]]:
        """The servers of the pool, then its shards, as ``geartrain pool`` shows them."""
        return [
            *map(self.about_server, self.election.members.values()),
            *map(self.about_shard, range(self.shards)),
        ]

    def about_server(self, card: Card) -> dict[str, object]:
        here = card.server == self.me
        card = self.about_me() if here else card
        return {
            "id": card.server,
            "address": card.address,
            "version": card.version,
            "age": card.age,
            "here": here,
            "shards": [
                shard
                for shard, lease in enumerate(self.election.leases)
                if lease is not None and card_in(lease).server == card.server
            ],
            "connections": card.connections,
            "fenced": card.fenced,
        }

    def about_shard(self, shard: int) -> dict[str, object]:
        lease = self.election.leases[shard]
        leader = None if lease is None else self.member(card_in(lease))
        leadership = self.leaderships.get(shard)
        here = leadership is not None and leadership.opened
        return {
            "shard": shard,
            "leader": None if leader is None else leader.server,
            "address": None if leader is None else leader.address,
            "lease": None if lease is None else lease.seconds,
            "here": here,
            "reached": here or shard in self.neighbours.leaders,
            **({} if leader is None else leader.led.get(str(shard), {})),
        }

    def member(self, card: Card) -> Card:
        """The card of a server as it is by now."""
        return self.about_me() if card.server == self.me else self.election.members.get(card.server, card)

    # Turns

    def take_turn(self) -> None:
        """Have a turn taken when the loop has done what it has to do by now: one for all of that."""
        self.turn_is_due = True
        if not self.turning:
            self.turning = True
            self.loop.call_soon(self.turn)

    def turn(self) -> None:
        self.turning = False
        if not self.turn_is_due:
            return
        self.flushing = True
        self.around.set_time()
        self.around.turn()
        self.keep(False)  # not at once: there is more to come from other servers
        self.flush()

    def flush(self) -> None:
        """Write to the other servers what the turns had for them that were taken in one go: writing is dear."""
        self.flushing = False
        self.neighbours.flush()
        for leadership in self.leaderships.values():
            leadership.written()
        if self.neighbours.have_to_hear() and not self.lagging:
            self.lagging = True
            self.loop.call_later(LAG, self.flush_lagging)

    def flush_lagging(self) -> None:
        """Tell the other servers what is settled by now, if that has not gone with something else."""
        self.lagging = False
        self.flush()

    def has_to_write(self) -> bool:
        """Whether other servers have to hear something, or something can be settled when they have."""
        for leadership in self.leaderships.values():
            if leadership.marks:
                return True
        return self.neighbours.have_to_hear()

    def read(self) -> None:
        """Take turns; one at least, where somebody has something to hear."""
        self.around.read()
        opened = all(leadership.opened for leadership in self.leaderships.values())
        if self.hub.dirty or not opened or self.neighbours.have_to_hear():
            self.take_turn()

    def begin(self, work: Coroutine[None, None, None]) -> None:
        """Have something done beside the turns."""
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
