"""Committer: a reply that promises something leaves after the commit that keeps the promise."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from time import monotonic
from typing import Final

from geartrain.broker.assignments import arrived, want_again
from geartrain.broker.batch import Batch, Outcome
from geartrain.broker.broker import Broker
from geartrain.broker.durability import RESERVE, everything, keep, take_back, take_batch, wants_numbers
from geartrain.broker.model import Connection
from geartrain.broker.ticks import unkept
from geartrain.errors import Fenced, StoreError
from geartrain.protocol.commands import ERROR, JOB_CREATED
from geartrain.protocol.packet import response
from geartrain.store.durations import Durations
from geartrain.store.ports import RenewableStore, Store

PAUSE: Final = 0.1  # seconds between a commit that failed and the next one
PATIENCE: Final = 0.002  # seconds that a batch may grow after the last commit, while the server is busy
SILENT: Final = 5.0  # seconds after which a commit that is not done is no good sign
PROBE: Final = 2.0  # seconds between two looks at a store of which nothing is asked
LARGE: Final = 256  # jobs that need not wait for more


class Committer:
    """Hands the store one batch at a time, and holds back what the batch under way and the next one promise.

    While a batch is under way the next one grows, and for a moment more while the server is busy: a commit costs as
    much as some hundred jobs. A reply of a connection that waits for a promise waits behind it.

    ``write`` is given what a connection may hear, packet by packet; ``read`` takes turns and then calls ``begin``.
    ``fenced`` is called where a store that several servers share is another's to write by now: that is the end of
    all commits, and what they would have promised is never said.
    """

    def __init__(
        self,
        store: Store,
        broker: Broker,
        write: Callable[[Connection, list[bytes]], None],
        read: Callable[[], None],
        log: logging.Logger,
        fenced: Callable[[], None] | None = None,
    ) -> None:
        self.store = store
        self.broker = broker
        self.write = write
        self.read = read
        self.fenced = fenced  # None where the store is this server's alone
        self.loop = asyncio.get_running_loop()
        self.grown_at = 0.0  # when the next batch has grown for long enough, by the loop's clock
        self.alarm: asyncio.TimerHandle | None = None  # begins it then; None while nobody waits for that
        self.log = log
        self.held: dict[Connection, list[bytes]] = {}  # until the batch under way is kept
        self.next: dict[Connection, list[bytes]] = {}  # until the one after it is
        self.commit: asyncio.Task[None] | None = None  # None while no batch is under way
        self.begun = 0  # commits so far
        self.kept = 0  # the number of the last one that was kept: what was in the batches before is kept, too
        self.durations = Durations()  # of commits
        self.since = 0.0  # when the commit under way began, in monotonic seconds
        self.failure = ""  # why the last commit failed; empty when it did not
        self.probing: asyncio.TimerHandle | None = None  # None before ``watch``
        self.renewing: asyncio.Task[None] | None = None  # None while no new file is written
        self.renewal = ""  # "running", "done" or why it failed; empty where nobody asked
        self.closing = False
        self.over = False  # the store is another server's to write

    def hold(self, connections: Iterable[Connection]) -> None:
        """Hold back what connections have to say that promises something, or comes after what does."""
        held = self.held
        following = self.next
        for connection in connections:
            if connection.promised or connection in following or connection in held:
                following.setdefault(connection, []).extend(connection.outgoing)
                connection.outgoing.clear()
                connection.promised = False

    def holds(self, connection: Connection) -> bool:
        """Whether something for the connection is held back."""
        return connection in self.held or connection in self.next

    def watch(self) -> None:
        """Ask the store from now on again and again whether it can keep jobs, also while there are none."""
        self.probing = self.loop.call_later(PROBE, self.probe)

    def probe(self) -> None:
        self.watch()
        if not self.closing:
            self.begin_now(probes=True)

    def begin(self, idle: bool) -> None:
        """Begin the next commit, if none is under way, and the server is ``idle`` or the batch has grown enough."""
        batch = self.broker.batch
        waits = self.commit is not None or self.renewing is not None or self.over
        if waits or not (self.next or batch or wants_numbers(self.broker)):
            return None
        if idle or self.loop.time() >= self.grown_at or (batch and len(batch.added) >= LARGE):
            return self.begin_now()
        if self.alarm is None:
            self.alarm = self.loop.call_at(self.grown_at, self.begin_now)

    def begin_now(self, probes: bool = False) -> None:
        """Begin the next commit; one that ``probes`` asks the store also where there is nothing to keep."""
        if self.alarm is not None:
            self.alarm.cancel()
            self.alarm = None
        if self.commit is None and self.renewing is None and not self.over:
            self.held, self.next = self.next, {}
            self.begun += 1
            batch = take_batch(self.broker)
            outcome = self.store.commit(batch) if len(batch) or probes else None
            self.commit = asyncio.create_task(self.keep(batch, outcome))

    async def keep(self, batch: Batch, awaited: Awaitable[Outcome] | None) -> None:
        """Wait until a batch is kept, and let go of what it promised; None where there is nothing to keep."""
        self.since = monotonic()
        try:
            outcome = Outcome() if awaited is None else await awaited
        except Fenced as error:
            return self.give_up(error)
        except StoreError as error:
            outcome = Outcome(str(error))
        if self.over:
            self.commit = None
            return None
        self.say(outcome.error)
        held, self.held = self.held, {}
        if outcome.error:
            self.durations.failures += len(batch) > 0
            self.take_back(batch, outcome, held)
            self.let_go(held, outcome)
            await asyncio.sleep(PAUSE)
            return self.go_on()
        if len(batch):
            self.durations.add(monotonic() - self.since)
        self.kept = self.begun
        keep(self.broker, batch)
        self.go_on()  # first: with a large batch the store is at work again while we write
        self.let_go(held, outcome)
        if not self.closing:
            self.read()

    def renew(self) -> str:
        """Begin to write all that is known to a new file, as the store's is lost; why not, empty where it begins."""
        if self.renewing is not None and not self.renewing.done():
            return "it has begun already"
        if not isinstance(self.store, RenewableStore):
            return "this store has no file"
        if not self.failure:
            return "the store keeps jobs, so it has its file"
        self.renewing = asyncio.create_task(self.write_anew(self.store))
        return ""

    async def write_anew(self, store: RenewableStore) -> None:
        """Write all that is known to a new file. No commit begins before that is done."""
        self.renewal = "running"
        while self.commit is not None:
            await self.commit
        broker = self.broker
        broker.reserved = broker.last_handle + RESERVE * broker.step
        try:
            renewed = await store.renew(everything(broker), broker.reserved)
        except StoreError as error:
            self.log.error("the store is not written anew", extra={"error": str(error)})
            self.renewal = str(error)
        else:
            self.log.warning(
                "the store is written anew", extra={"jobs": renewed.jobs, "put_aside": renewed.aside or None}
            )
            for number in renewed.lost:
                self.log.error("the workload of a job is lost with the store's file", extra={"job": number})
            self.renewal = "done"
        self.renewing = None
        self.begin_now(probes=True)

    def go_on(self) -> None:
        """A commit is over: the next one may begin."""
        self.commit = None
        self.grown_at = self.loop.time() + PATIENCE
        if not self.closing:
            self.begin(False)

    def let_go(self, held: dict[Connection, list[bytes]], outcome: Outcome) -> None:
        """Write what was held back, with the workloads that workers wait for in their places."""
        fetches = self.broker.fetches
        packets = arrived(self.broker, outcome.workloads) if fetches else {}
        # A batch that begins while a turn is under way may read what is asked in that turn, and is held for after it.
        for following in self.next.values() if packets else ():
            following[:] = [packets.get(reply, reply) for reply in following]
        for connection, replies in held.items():
            if packets or fetches:
                replies[:] = [packets.get(reply, reply) for reply in replies]
                if any(reply in fetches for reply in replies):
                    self.next[connection] = replies + self.next.get(connection, [])
                    continue
            self.write(connection, replies)
        want_again(self.broker)

    def give_up(self, reason: Fenced) -> None:
        """Commit nothing any more."""
        self.log.error("the store is another server's to write", extra={"error": str(reason)})
        self.abandon()
        self.commit = None
        if self.fenced is not None:
            self.fenced()

    def abandon(self) -> None:
        """Commit nothing any more; what the batch under way promises, nobody is told."""
        self.over = True

    def say(self, failure: str) -> None:
        """Tell the log when the store begins to fail, and when it works again."""
        if failure and failure != self.failure:
            self.log.error("the store keeps nothing for now", extra={"error": failure})
        elif self.failure and not failure:
            self.log.warning("the store keeps jobs again")
        self.failure = failure

    def fault(self) -> str:
        """Why the store keeps nothing for now; empty where it does, as far as we know."""
        if self.failure:
            return f"the store keeps nothing: {self.failure}"
        silence = monotonic() - self.since
        if self.commit is not None and silence > SILENT:
            return f"the store has not answered for {silence:.0f} seconds"
        return ""

    def take_back(self, batch: Batch, outcome: Outcome, held: dict[Connection, list[bytes]]) -> None:
        """Refuse what a failed batch would have promised; what else it asked is asked with the next one."""
        refusal = response(ERROR, b"QUEUE_ERROR", outcome.error.encode())
        handles = [job.handle for job in batch.added.values()]
        handles += [schedule.definition.name.encode() for schedule in unkept(self.broker, batch)]
        broken = {response(JOB_CREATED, handle) for handle in handles}
        for packets in held.values():
            packets[:] = [refusal if packet in broken else packet for packet in packets]
        take_back(self.broker, batch, outcome.partly)

    async def close(self) -> None:
        """Wait until everything is kept, as far as it can be, and close the store."""
        self.closing = True
        watched = self.probing is not None
        if self.probing is not None:
            self.probing.cancel()
        if self.renewing is not None:
            await self.renewing
        self.begin_now(probes=watched)  # the last look: what is lost by now is written anew
        await self.finish()
        if self.failure and not self.over and isinstance(self.store, RenewableStore):
            self.renewing = asyncio.create_task(self.write_anew(self.store))
            await self.renewing
            await self.finish()
        await self.store.close(self.broker.last_handle)

    async def finish(self) -> None:
        """Wait until nothing is left to keep, or something cannot be kept."""
        while self.commit is not None:
            await self.commit
            if not self.failure:
                self.begin(True)
