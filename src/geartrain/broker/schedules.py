"""Schedules: what is submitted when, and which ticks are due.

A tick is a moment at which a schedule is due, a whole number of seconds in Unix time. A schedule's *mark* says up to
which tick all is done; it outlives the process beside the jobs, so no tick is lost or done twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final, NamedTuple

from geartrain.broker.deadlines import NEVER
from geartrain.protocol.documents import read_object

Calendar = Callable[[str, str, float], float]
"""The first tick of a cron line in a time zone after a Unix time; NEVER where there is none. Raises SettingsError."""

LAST: Final = "last"
SKIP: Final = "skip"
ALL: Final = "all"
CATCH_UPS: Final = (LAST, SKIP, ALL)  # of the ticks that were missed: one submit for all, none, each

FILE: Final = "file"
RUN_TIME: Final = "run time"
WIRE: Final = "wire"  # SUBMIT_JOB_SCHED

PUNCTUAL: Final = 10.0  # seconds after which a tick counts as missed
MOST_MISSED: Final = 1000  # ticks that are caught up at once
SET_BACK: Final = (
    3 * 3600.0
)  # seconds; a clock set back by less waits for its ticks rather than repeat them, as cron's


class Definition(NamedTuple):
    """What an operator or a client says of a schedule."""

    name: str
    function: bytes
    workload: bytes
    priority: int
    unique: bytes  # of each job; empty where each tick is a job of its own
    cron: str  # empty where ``every`` says when
    every: int  # seconds; ticks are its multiples in Unix time, so they are the same on every machine
    timezone: str  # of the cron line; empty for the server's
    catch_up: str
    paused: bool  # until an operator resumes it

    def when(self) -> str:
        """What its ticks depend on."""
        return f"{self.cron or self.every} {self.timezone}"


class Mark(NamedTuple):
    """How far a schedule has come."""

    seen: float  # ticks up to it are done
    last_at: float  # the last tick that was submitted; 0 is none
    fired: int  # ticks that were submitted
    when: str  # for which definition
    paused: bool | None  # what an operator chose; None where the definition decides

    def text(self) -> str:
        """The mark for the store."""
        return json.dumps(self._asdict())


class Schedule:
    """A definition, and how far it has come."""

    __slots__ = ("definition", "fired", "last_at", "next_at", "origin", "paused", "seen")

    def __init__(self, definition: Definition, origin: str, seen: float) -> None:
        self.definition = definition
        self.origin = origin  # FILE, RUN_TIME or WIRE
        self.paused = definition.paused
        self.seen = seen  # ticks up to it are done
        self.next_at = NEVER  # the first tick after ``seen``
        self.last_at = 0.0  # the last tick that was submitted; 0 is none
        self.fired = 0  # ticks that were submitted

    def mark(self) -> Mark:
        """How far it has come."""
        chosen = None if self.paused == self.definition.paused else self.paused
        return Mark(self.seen, self.last_at, self.fired, self.definition.when(), chosen)


class Schedules:
    """All schedules of one server; it decides what is due, and ``ticks.py`` submits it."""

    def __init__(self, notices: list[str]) -> None:
        self.notices = notices  # for the log
        self.calendar: Calendar | None = None  # None where nobody reads cron lines for us
        self.by_name: dict[str, Schedule] = {}
        self.marks: dict[str, Mark] = {}  # by name, the last ones that were made or kept
        # While the clock is between the two there is nothing to do.
        self.earliest = -NEVER
        self.soonest = NEVER
        self.stopped = False

    def stop(self) -> None:
        """Let no tick be due any more: the next process will do them."""
        self.stopped = True
        self.look_ahead(0.0)

    def put(self, definition: Definition, origin: str, clock: float) -> Schedule:
        """Have a schedule, rather than one of the same name; it goes on where its mark says."""
        schedule = Schedule(definition, origin, clock)
        mark = self.marks.get(definition.name)
        if mark is not None:
            schedule.last_at = mark.last_at
            schedule.fired = mark.fired
            if mark.paused is not None:
                schedule.paused = mark.paused
            # With other ticks than before, nothing was missed.
            if mark.when == definition.when() and mark.seen < clock + SET_BACK:
                schedule.seen = mark.seen
        schedule.next_at = self.following(definition, schedule.seen)
        self.by_name[definition.name] = schedule
        self.look_ahead(clock)
        return schedule

    def pause(self, schedule: Schedule, paused: bool, clock: float) -> None:
        """Let a schedule rest or go on; what it missed meanwhile is caught up as it says."""
        schedule.paused = paused
        self.look_ahead(clock)

    def remove(self, schedule: Schedule, clock: float) -> None:
        """Have a schedule no more."""
        del self.by_name[schedule.definition.name]
        self.look_ahead(clock)

    def due(self, clock: float) -> list[Schedule]:
        """The schedules that have a tick to do, the one that waits longest first."""
        if clock < self.earliest:
            self.follow(clock)
        waiting = [
            (schedule.next_at, name)
            for name, schedule in self.by_name.items()
            if schedule.next_at <= clock and not schedule.paused
        ]
        return [self.by_name[name] for _, name in sorted(waiting)]

    def follow(self, clock: float) -> None:
        """The clock was set back so far that its ticks come again."""
        self.notices.append(f"the clock was set back to {clock:.0f}: schedules follow it")
        for schedule in self.by_name.values():
            schedule.seen = min(schedule.seen, clock)
            schedule.next_at = self.following(schedule.definition, schedule.seen)

    def take(self, schedule: Schedule, clock: float) -> list[float]:
        """The ticks of a schedule that are to be submitted now; all up to the clock are done with that."""
        first = schedule.next_at
        last = self.last_tick(schedule, clock)
        schedule.seen = last
        schedule.next_at = self.following(schedule.definition, last)
        catch_up = schedule.definition.catch_up
        if catch_up == ALL:
            return self.each(schedule, first, last)
        if catch_up == SKIP and clock - last > PUNCTUAL:
            return []
        return [last]

    def each(self, schedule: Schedule, first: float, last: float) -> list[float]:
        """The ticks from one to another, but not too many of them."""
        ticks: list[float] = []
        tick = first
        while tick <= last:
            if len(ticks) == MOST_MISSED:
                name = schedule.definition.name
                self.notices.append(
                    f"schedule={name} missed more than {MOST_MISSED} ticks: those from {tick:.0f} on are left out"
                )
                break
            ticks.append(tick)
            tick = self.following(schedule.definition, tick)
        return ticks

    def last_tick(self, schedule: Schedule, clock: float) -> float:
        """The last tick up to the clock, where the next one is due."""
        definition = schedule.definition
        low = schedule.next_at  # a tick
        high = clock  # with no tick between it and the clock
        tick = self.following(definition, low)
        while tick <= clock:
            low = tick
            # Halves: after a year without us, the last of half a million minutes is found in 20 steps.
            middle = (low + high) // 2
            tick = self.following(definition, middle)
            if tick <= clock:
                low = tick
            else:
                high = middle
            tick = self.following(definition, low)
        return low

    def following(self, definition: Definition, after: float) -> float:
        """The first tick after a moment."""
        if definition.every:
            return (after // definition.every + 1) * definition.every
        if self.calendar is None:
            return NEVER
        return self.calendar(definition.cron, definition.timezone, after)

    def look_ahead(self, clock: float) -> None:
        """See when there is something to do again."""
        self.earliest = -NEVER
        self.soonest = NEVER
        if self.stopped or not self.by_name:
            return
        self.earliest = clock - SET_BACK
        for schedule in self.by_name.values():
            if not schedule.paused:
                self.soonest = min(self.soonest, schedule.next_at)


def mark_of(text: str) -> Mark:
    """A mark that a store kept; raises ValueError for what is none."""
    fields = read_object(text)
    paused = fields.get("paused")
    return Mark(
        float_of(fields.get("seen", 0.0)),
        float_of(fields.get("last_at", 0.0)),
        int(float_of(fields.get("fired", 0))),
        str(fields.get("when", "")),
        None if paused is None else bool(paused),
    )


def float_of(value: object) -> float:
    """A number of a mark; raises ValueError."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise ValueError(f"expected a number, got {value!r}")
    return float(value)
