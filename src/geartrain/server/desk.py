"""Desk: what a server's connections are connected to; a broker of its own, or the pool's."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Mapping
from typing import Protocol

from geartrain.broker.access import Badge
from geartrain.broker.accidents import Accident
from geartrain.broker.agenda import wait
from geartrain.broker.broker import Broker
from geartrain.broker.deeds import Deed
from geartrain.broker.durability import adopt
from geartrain.broker.guard import guard
from geartrain.broker.model import Connection
from geartrain.broker.rules import Rules
from geartrain.broker.session import Session, end_turn
from geartrain.broker.ticks import drop_stale_marks
from geartrain.store import Store
from geartrain.store.committer import Committer
from geartrain.store.durations import Durations

Configure = Callable[[Broker], None]  # lets the configuration file's sections hold in a broker


class Desk(Protocol):
    """What happens between the bytes that peers say and those that they hear. Nothing here may block the loop."""

    dirty: list[Connection]  # peers with something to hear; whoever writes it clears the list
    notices: list[str]  # for the log; whoever writes them clears the list
    accidents: list[Accident]  # the same; connections in them must end
    deeds: list[Deed]  # for the audit log; whoever tells it clears the list
    ended: list[Connection]  # peers whose connection has to end; whoever ends it clears the list
    commits: Durations  # of the store
    round_trips: Durations  # to a pool's engine and back, for nothing but to hear of the others

    async def start(self) -> None:
        """Have what outlived the last process. Raises StoreError."""

    def configure(self, configure: Configure) -> None:
        """Let sections of the configuration hold, now and in every broker to come."""

    def connect(self, number: int, host: bytes) -> tuple[Connection, Callable[[bytes], None]]:
        """A new peer, and who takes its bytes; that raises ProtocolError where its connection must end."""

    def guard(self, connection: Connection, badge: Badge | None) -> None:
        """Let access rules apply to a peer from now on, or none."""

    def disconnect(self, connection: Connection) -> None:
        """The peer says no more."""

    @property
    def whole(self) -> list[Connection]:
        """Peers that have heard a long list; whoever reads them again clears this."""

    def go_on(self, connection: Connection) -> bool:
        """Take what a peer said behind a question for a long list; False while the list is not whole.

        Raises ProtocolError where the connection must end.
        """

    def held(self, connection: Connection) -> int:
        """How many bytes of a peer wait for the rest of their packet."""

    def set_time(self, now: float, clock: float) -> None:
        """Say what time it is: monotonic seconds, and Unix time."""

    def end_turn(self) -> None:
        """Do what is due; afterwards ``dirty`` may be written."""

    def wait(self) -> float:
        """How many seconds may pass until the next turn; NEVER while nothing is set."""

    def keep(self, idle: bool) -> None:
        """Have the store keep what the last turns asked of it; at once where there is nothing else to do."""

    def holds(self, connection: Connection) -> bool:
        """Whether the peer will hear something that is held back for now."""

    def will_answer(self, connection: Connection) -> bool:
        """Whether a peer to which nothing is to be said yet will hear something soon."""

    def stop(self) -> None:
        """Hand out no more work and take no more jobs."""

    def unfinished(self) -> str:
        """What a server that stops waits for, as the log says it; empty where it may end."""

    def finish(self) -> None:
        """Begin no more work than there is."""

    def is_finished(self) -> bool:
        """Whether nothing is left to do."""

    async def close(self) -> None:
        """Have everything kept, as far as it can be, and let go of it."""

    def counts(self) -> Mapping[str, object]:
        """What the log says at the start."""

    def brokers(self) -> list[Broker]:
        """Those that have the jobs which this server hands out."""

    def faults(self) -> list[str]:
        """Why it cannot take jobs for now; nothing where it can."""

    def warnings(self) -> list[str]:
        """What happened since the start that somebody should look into, though the server takes jobs."""

    def fenced(self) -> int:
        """How many late results were refused, as the pool had given their jobs away."""

    def renewal(self) -> str:
        """What became of writing the store's file anew: "running", "done" or why not; empty where nobody asked."""

    def tell_about(self, about: Callable[[], dict[str, object]]) -> None:
        """Have ``stats`` say this of the server, too."""


class OwnDesk:
    """A broker of the server's own, and perhaps a store for it."""

    def __init__(
        self,
        rules: Rules,
        payload_limit: int,
        store: Store | None,
        store_name: str,
        write: Callable[[Connection, list[bytes]], None],
        read: Callable[[], None],
        log: logging.Logger,
    ) -> None:
        self.broker = Broker(rules, store is not None, random.random)
        self.payload_limit = payload_limit
        self.store_name = store_name  # for people
        self.dirty = self.broker.dirty
        self.notices = self.broker.notices
        self.accidents = self.broker.accidents
        self.deeds = self.broker.deeds
        self.whole = self.broker.lists.whole
        self.ended = self.broker.lists.ended
        self.broker.lists.held = self.holds
        self.sessions: dict[Connection, Session] = {}
        self.committer = Committer(store, self.broker, write, read, log) if store is not None else None
        if self.committer is not None:
            self.broker.reattach = self.committer.renew
        self.commits = Durations() if self.committer is None else self.committer.durations
        self.round_trips = Durations()

    async def start(self) -> None:
        if self.committer is not None:
            async for kept in self.committer.store.load():
                adopt(self.broker, kept)
            self.committer.watch()
        drop_stale_marks(self.broker)

    def configure(self, configure: Configure) -> None:
        configure(self.broker)

    def connect(self, number: int, host: bytes) -> tuple[Connection, Callable[[bytes], None]]:
        connection = self.broker.connect(number, host)
        session = Session(self.broker, connection, self.payload_limit)
        self.sessions[connection] = session
        return connection, session.receive

    def guard(self, connection: Connection, badge: Badge | None) -> None:
        session = self.sessions.get(connection)
        if session is not None:
            guard(session, badge)

    def disconnect(self, connection: Connection) -> None:
        del self.sessions[connection]
        self.broker.disconnect(connection)

    def go_on(self, connection: Connection) -> bool:
        session = self.sessions.get(connection)
        return session is None or session.go_on()

    def held(self, connection: Connection) -> int:
        session = self.sessions.get(connection)
        return 0 if session is None else session.stream.held()

    def set_time(self, now: float, clock: float) -> None:
        self.broker.set_time(now, clock)

    def end_turn(self) -> None:
        end_turn(self.broker)
        if self.committer is not None:
            self.committer.hold(self.dirty)

    def wait(self) -> float:
        return wait(self.broker)

    def keep(self, idle: bool) -> None:
        if self.committer is not None:
            self.committer.begin(idle)

    def holds(self, connection: Connection) -> bool:
        return self.committer is not None and self.committer.holds(connection)

    def will_answer(self, connection: Connection) -> bool:
        return False

    def stop(self) -> None:
        self.broker.stop()

    def unfinished(self) -> str:
        running = any(function.running for function in self.broker.functions.values())
        return "running jobs" if running else ""

    def finish(self) -> None:
        self.broker.schedules.stop()

    def is_finished(self) -> bool:
        return not self.broker.jobs

    async def close(self) -> None:
        if self.committer is not None:
            await self.committer.close()

    def counts(self) -> Mapping[str, object]:
        return {"store": self.store_name, "jobs": len(self.broker.jobs)}

    def brokers(self) -> list[Broker]:
        return [self.broker]

    def faults(self) -> list[str]:
        fault = "" if self.committer is None else self.committer.fault()
        return [fault] if fault else []

    def warnings(self) -> list[str]:
        return []

    def fenced(self) -> int:
        return 0

    def renewal(self) -> str:
        return "" if self.committer is None else self.committer.renewal

    def tell_about(self, about: Callable[[], dict[str, object]]) -> None:
        self.broker.about = about
