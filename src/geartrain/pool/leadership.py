"""Leadership: one shard that this server leads."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

from geartrain.broker.agenda import wait
from geartrain.broker.broker import Broker
from geartrain.broker.deadlines import NEVER
from geartrain.broker.durability import RESERVE, adopt
from geartrain.broker.shards import pass_by
from geartrain.broker.takeover import resume, suspend
from geartrain.broker.ticks import drop_stale_marks
from geartrain.pool.store import ValkeyStore
from geartrain.relay.frames import COUNT, GONE, SETTLED
from geartrain.relay.seat import Seat
from geartrain.store.committer import Committer
from geartrain.store.durations import Durations

LEAP: Final = 10  # times as many numbers as are reserved at once are left out where nobody knows the last one
PATIENCE: Final = 2.0  # seconds in which the servers of a pool must have told a new leader of their peers

Tell = Callable[[str, int, int, int, list[bytes]], None]  # server, kind, shard, number, parts


class Mark(NamedTuple):
    """What is settled with a commit, if the links have been written to so often."""

    commit: int
    writes: int
    processed: dict[str, int]  # frames of packets, by server


class Leadership:
    """A shard's broker, with the engine as its store and the servers of the pool as its fronts.

    What a front has sent is *settled* when its effects are kept, clients at other servers have been written to, and
    the lease was ours all the while: until then the front would say the results among it again, to the next leader.
    """

    def __init__(
        self,
        shard: int,
        token: str,
        store: ValkeyStore,
        broker: Broker,
        payload_limit: int,
        tell: Tell,
        read: Callable[[], None],
        log: logging.Logger,
        fenced: Callable[[], None],
        commits: Durations,
    ) -> None:
        self.shard = shard
        self.token = token
        self.store = store
        self.broker = broker
        self.tell = tell
        self.seat = Seat(broker, shard, payload_limit, tell)
        self.committer = Committer(store, broker, self.seat.write, read, log, self.lose)
        self.committer.durations = commits
        self.fenced = fenced
        self.loaded = False
        self.early: list[tuple[str, int, int, bytes]] = []  # frames that came before the jobs were loaded
        self.open_by = NEVER  # when to hand out jobs without those who have not come, by monotonic time
        self.safe_until = 0.0  # when nobody else can have the lease before, by monotonic time
        self.replication: dict[str, object] = {}  # what is known of the engine's replicas
        self.settled: dict[str, int] = {}  # frames of packets that were said to be settled, by server
        self.marks: deque[Mark] = deque()  # what is to be settled
        self.writes = 0  # how often the links have been written to

    @property
    def opened(self) -> bool:
        """Whether jobs are handed out."""
        return self.seat.opened

    @property
    def closed(self) -> bool:
        """Whether what fronts say is for the next leader."""
        return self.seat.closed

    async def load(self, known: int = 0) -> bool:
        """Have the shard's jobs. Raises StoreError.

        True where the engine does not know that the job number ``known`` was given: its data is lost.
        """
        async for kept in self.store.load():
            adopt(self.broker, kept)
        drop_stale_marks(self.broker)
        lost = self.broker.last_handle < known
        if lost:  # more than that may have been given since we heard of it
            pass_by(self.broker, known + LEAP * RESERVE * self.broker.step)
        self.store.follow(self.broker)
        self.loaded = True
        self.open_by = self.broker.now + PATIENCE
        early, self.early = self.early, []
        for server, kind, number, body in early:
            self.take(server, kind, number, body)
        self.committer.begin(True)
        return lost

    def write_back(self) -> str:
        """Have the engine, which has lost its data, have again what we have; what that is."""
        broker = self.broker
        self.store.primary = b""  # we know nothing of what it has
        broker.reserved = 0  # so a batch is begun, and the rest follows it
        without = sum(job.workload is None for job in broker.jobs.values())
        lost = f", {without} are lost, as only the engine had their workloads" if without else ""
        return f"{len(broker.jobs) - without} jobs are written back from memory{lost}"

    def set_time(self, now: float, clock: float) -> None:
        """Say what time it is. Where the lease may be another server's by now, nothing is handed out."""
        self.broker.set_time(now, clock)
        if not self.is_safe():
            suspend(self.broker)

    def is_safe(self) -> bool:
        """Whether nobody else can have the lease yet."""
        # Not by the broker's clock: the loop's stands still while it does what came when the process was frozen.
        return time.monotonic() <= self.safe_until

    def take(self, server: str, kind: int, number: int, body: bytes) -> None:
        """A frame of a front, this server's own or another's."""
        if self.loaded:
            self.seat.take(server, kind, number, body)
        else:
            self.early.append((server, kind, number, body))

    def end_turn(self, fronts: Callable[[], set[str]]) -> None:
        """Do what is due, and tell the fronts; ``fronts`` are the servers of the pool."""
        broker = self.broker
        if not self.loaded or self.closed:
            return
        if not self.opened and self.can_open(fronts()):
            self.seat.open()
        self.seat.end_turn()
        self.committer.hold(broker.dirty)
        self.seat.deliver()
        self.mark()
        self.settle()

    def can_open(self, fronts: set[str]) -> bool:
        """Whether jobs may be handed out: nobody else leads, the numbers of new ones are reserved, all have come."""
        if not self.is_safe() or not self.committer.kept:
            return False
        return fronts <= self.seat.ready or self.broker.now >= self.open_by

    def mark(self) -> None:
        """Note what has been processed, and with what it will be settled."""
        if not self.opened or self.seat.processed == self.settled or self.seat.is_behind():
            return
        committer, marks = self.committer, self.marks
        commit = committer.begun + 1
        if committer.commit is None and not self.broker.batch:
            commit = committer.kept
        last = marks[-1] if marks else None
        if last is None or last.commit != commit or last.processed != self.seat.processed:
            while marks and marks[-1].commit >= commit:
                marks.pop()
            marks.append(Mark(commit, self.writes + 1, dict(self.seat.processed)))

    def written(self) -> None:
        """The links have been written to."""
        if self.marks:
            self.writes += 1
            self.settle()

    def settle(self) -> None:
        """Tell the fronts what is settled."""
        marks = self.marks
        while marks and marks[0].commit <= self.committer.kept and marks[0].writes <= self.writes:
            if not self.is_safe():
                return
            self.say_settled(marks.popleft().processed)

    def say_settled(self, processed: dict[str, int]) -> None:
        for server, count in processed.items():
            if server in self.seat.processed and self.settled.get(server) != count:
                self.settled[server] = count
                self.tell(server, SETTLED, self.shard, 0, [COUNT.pack(count)])

    def orphan(self, server: str) -> None:
        """The link to a server broke; what came over it before the jobs were loaded is said again."""
        self.early = [frame for frame in self.early if frame[0] != server]
        self.seat.orphan(server)

    def leave(self, server: str) -> None:
        """A server is not in the pool any more."""
        self.early = [frame for frame in self.early if frame[0] != server]
        if self.loaded:
            self.seat.leave(server)
        for counts in (self.seat.processed, self.settled):
            counts.pop(server, None)

    def wait(self) -> float:
        """How many seconds may pass until the next turn."""
        if not self.loaded or self.closed:
            return NEVER
        soonest = wait(self.broker)
        if not self.opened and self.is_safe():
            soonest = min(soonest, max(self.open_by - self.broker.now, 0.0))
        return soonest

    def renew(self, until: float) -> None:
        """Nobody else can have the lease before ``until``, by monotonic time."""
        self.safe_until = until
        if self.opened and self.broker.sleepers.suspended and self.is_safe():
            resume(self.broker)

    def about(self) -> dict[str, object]:
        """What the other servers are told of the shard."""
        jobs, number = len(self.broker.jobs), self.broker.last_handle
        return {"jobs": jobs, "number": number, "engine": self.store.engine.place, **self.replication}

    async def look_at_replicas(self) -> None:
        """See how many replicas the engine has, and how far the best of them is behind. Raises StoreError."""
        _, offset, replicas = await self.store.engine.ask(b"ROLE")
        behind = [int(offset) - int(reached) for _, _, reached in replicas]
        self.replication = {"ack": self.store.ack, "replicas": len(behind), "lag": min(behind, default=0)}

    def fault(self) -> str:
        """Why the shard's jobs are not kept for now; empty where they are."""
        if self.loaded and not self.store.primary:
            return "the engine has lost its data, which is being written back"
        return self.committer.fault()

    def lose(self) -> None:
        """The lease is another server's: what was not kept yet, and so is not settled, the fronts will say to it."""
        if not self.closed:
            self.seat.closed = True
            self.committer.abandon()
            self.fenced()

    def say_gone(self, servers: set[str]) -> None:
        """Tell the fronts to look for the next leader."""
        for server in servers:
            self.tell(server, GONE, self.shard, 0, [])

    async def let_go(self) -> None:
        """Let go of the engine when what is under way has ended: nobody is told of it any more."""
        self.seat.closed = True
        self.committer.abandon()
        if self.committer.commit is not None:
            await asyncio.wait([self.committer.commit])
        await self.store.engine.close()

    async def close(self) -> None:
        """Have everything kept and say what that settles; frames that come from now on are the next leader's."""
        self.seat.closed = True
        await self.committer.close()
        if not self.committer.failure and not self.committer.over and not self.seat.is_behind():
            self.say_settled(self.seat.processed)
