"""Sleepers: which workers are asleep, and whom a job wakes.

The promise: while a job is ready and a worker that can do it sleeps, a NOOP is on its way to a worker that can do it,
or the function is *watched* and another worker is woken within ``PATIENCE``. A function is watched when a worker that
was woken goes back to sleep or leaves; and, unless the operator chose how many a job wakes, until somebody came.
"""

from __future__ import annotations

from typing import Final

from geartrain.broker.deadlines import NEVER
from geartrain.broker.model import Connection, Function
from geartrain.protocol.commands import NOOP
from geartrain.protocol.packet import response

WAKE_UP: Final = response(NOOP)
PATIENCE: Final = 0.05  # seconds in which a woken worker should grab before another is woken too


class Sleepers:
    """The workers that said PRE_SLEEP."""

    def __init__(self, most: int, wakes_more: bool) -> None:
        self.most = most  # sleepers that one job wakes at once; 0 is all
        self.wakes_more = wakes_more  # whether others are woken when those do not come
        self.now = 0.0  # monotonic seconds
        self.suspended = False  # nobody may have a job for now, so nobody is woken
        self.called: dict[Function, int] = {}  # functions with sleepers, and the jobs they got in this turn
        self.watched: dict[Function, None] = {}  # functions with both a job and a sleeper after a wake-up
        self.look_again = NEVER  # when to look at them

    def call(self, function: Function, jobs: int = 1) -> None:
        """Jobs are ready beside sleepers: if nobody takes them in this turn, somebody is woken at its end."""
        self.called[function] = self.called.get(function, 0) + jobs

    def end_turn(self) -> None:
        """Send NOOP to who should come for the jobs that were called out."""
        if self.suspended:
            self.called.clear()
        for function, jobs in self.called.items():
            ready = function.ready(self.now)
            if ready:
                self.wake(function, min(jobs, ready) * self.most or len(function.sleepers))
        self.called.clear()

    def wake(self, function: Function, most: int) -> None:
        """Wake so many of a function's sleepers, and see to it later that somebody came."""
        sleepers = function.sleepers
        for _ in range(min(most, len(sleepers))):
            # The one that was awake last: what it needs is in the caches of both machines. With 5,000 in turn the
            # slowest calls took twice as long.
            self.rouse(next(reversed(sleepers)) if self.wakes_more else next_in_turn(function))
        if sleepers and self.wakes_more:
            self.watch(function)

    def sleep(self, connection: Connection) -> None:
        """Let the worker sleep, unless there is work for it already."""
        declined = connection.woken
        connection.woken = False
        work = self.has_work(connection)
        # A job may have come between our NO_JOB and this packet; without the NOOP both sides would wait for ever.
        # But a worker that answers each NOOP with PRE_SLEEP (it is busy for another server) must not spin, and is
        # called after all others.
        if work and not declined:
            return self.rouse(connection)
        connection.asleep = True
        if connection.draining:
            return None
        for function in connection.abilities:
            function.sleepers[connection] = None
            if declined:
                function.sleepers.move_to_end(connection, last=False)
            if work and function.ready(self.now):
                self.watch(function)

    def learn(self, connection: Connection, function: Function) -> None:
        """A worker that sleeps can do one more function."""
        if connection.draining:
            return
        function.sleepers[connection] = None
        if function.ready(self.now) and not self.suspended:
            self.rouse(connection)

    def get_up(self, connection: Connection) -> None:
        """The worker does not sleep any more."""
        connection.woken = False
        if connection.asleep:
            connection.asleep = False
            for function in connection.abilities:
                function.sleepers.pop(connection, None)

    def drain(self, connection: Connection, draining: bool) -> None:
        """Let a worker get no jobs any more, or get them again; whether it sleeps is its own affair."""
        if connection.draining == draining:
            return
        asleep = connection.asleep
        connection.draining = draining
        if draining:
            self.leave(connection)
            connection.asleep = asleep
        elif asleep:
            self.sleep(connection)

    def leave(self, connection: Connection) -> None:
        """The worker is gone; the job it was woken for is somebody else's to take."""
        woken = connection.woken
        self.get_up(connection)
        if not woken:
            return
        for function in connection.abilities:
            if function.sleepers and function.ready(self.now):
                self.watch(function)

    def rouse(self, connection: Connection) -> None:
        """Wake one worker."""
        self.get_up(connection)
        connection.woken = True
        connection.send(WAKE_UP)

    def watch(self, function: Function) -> None:
        """A job waits beside a sleeper: see to it soon."""
        self.watched[function] = None
        if self.look_again == NEVER:
            self.look_again = self.now + PATIENCE

    def tick(self) -> None:
        """At ``look_again``: wake more workers where those that were woken did not come."""
        self.look_again = NEVER
        functions = [] if self.suspended else list(self.watched)
        self.watched.clear()
        for function in functions:
            ready = function.ready(self.now)
            if ready:
                self.wake(function, ready)

    def has_work(self, connection: Connection) -> bool:
        """Whether a GRAB_JOB of this worker would get a job."""
        if self.suspended or connection.draining:
            return False
        for function in connection.abilities:
            if function.ready(self.now):
                return True
        return False


def next_in_turn(function: Function) -> Connection:
    """The next sleeper of a function that has some, as gearmand finds it: from where it stopped when it looked last."""
    workers = function.workers
    while True:
        connection = next(iter(workers))
        workers.move_to_end(connection)
        if connection in function.sleepers:
            return connection
