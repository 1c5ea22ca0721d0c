"""Schedules: what is submitted when, and which ticks are due.

A tick is a moment at which a schedule is due, a whole number of seconds in Unix time. A schedule's *mark* says up to
which tick all is done; it outlives the process beside the jobs, so no tick is lost or done twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import Final, NamedTuple

from geartrain.broker.deadlines import NEVER
from geartrain.broker.model import CONTENT
from geartrain.errors import QueueFull
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
REFUSAL: Final = "QUEUE_ERROR"  # the code of an ERROR where a limit is reached
OF_ALL: Final = "max-schedules"  # the options with the limits
OF_FUNCTION: Final = "max-function-schedules"

MOST_LOOKS: Final = 100  # times that the calendar is asked in one turn: some 40 microseconds each
MOST_AT_ONCE: Final = 50  # ticks of a schedule that are caught up before others have theirs
MOST_MISSED: Final = 1000  # ticks of a schedule that are caught up, one after another
MOST_BYTES = 1 << 28  # of the workloads of all schedules; not Final, so that tests have a smaller one
HOURLY: Final = "@hourly"  # the one name of a cron line that stands for a line with ``*`` for its hour

# A clock that was set back is followed where that is more than so many seconds before the last tick; else the ticks
# are waited for. So Debian's cron does it, which looks once a minute.
SET_BACK: Final = 60.0  # of intervals, and of cron lines with ``*`` for the minute or the hour
SET_BACK_FIXED: Final = 3 * 3600.0  # of the others: their ticks would come twice


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

    def is_fixed(self) -> bool:
        """Whether it is a cron line that names its minute and its hour."""
        if self.cron.lstrip().startswith("@"):
            return self.cron.strip().lower() != HOURLY
        minute, hour, *_ = [*self.cron.split(), "*", "*"]
        return minute[0] != "*" and hour[0] != "*"

    def done_until(self, seen: float, clock: float) -> float:
        """Up to when the ticks count as done: where the clock was set back too far, they come by the new time."""
        return clock if seen > clock + (SET_BACK_FIXED if self.is_fixed() else SET_BACK) else seen


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

    __slots__ = (
        "caught_up",
        "definition",
        "entry",
        "fired",
        "last_at",
        "next_at",
        "origin",
        "paused",
        "seen",
    )

    def __init__(self, definition: Definition, origin: str, seen: float) -> None:
        self.definition = definition
        self.origin = origin  # FILE, RUN_TIME or WIRE
        self.paused = definition.paused
        self.seen = seen  # ticks up to it are done
        self.next_at = NEVER  # the first tick after ``seen``
        self.last_at = 0.0  # the last tick that was submitted; 0 is none
        self.fired = 0  # ticks that were submitted
        self.caught_up = 0  # missed ticks that were submitted since it was punctual
        self.entry = 0  # names its entry in the queue of ticks; 0 while it has none

    def mark(self) -> Mark:
        """How far it has come."""
        chosen = None if self.paused == self.definition.paused else self.paused
        return Mark(self.seen, self.last_at, self.fired, self.definition.when(), chosen)


class Schedules:
    """All schedules of one server; it decides what is due, and ``ticks.py`` submits it."""

    def __init__(self, notices: list[str], most: int, most_of_function: int) -> None:
        self.notices = notices  # for the log
        self.most = most  # schedules there may be
        self.most_of_function = most_of_function
        self.calendar: Calendar | None = None  # None where nobody reads cron lines for us
        self.looks = 0  # times that the calendar was asked in this turn
        self.by_name: dict[str, Schedule] = {}
        self.by_unique: dict[tuple[bytes, bytes, bytes], Schedule] = {}  # those of clients, see ``key_of``
        self.counts: dict[bytes, int] = {}  # by function; none is 0
        self.bytes = 0  # of all workloads
        self.marks: dict[str, Mark] = {}  # by name, the last ones that were made or kept
        # Those that are due some time, by next tick and name. An entry whose number is not its schedule's is over.
        self.queue: list[tuple[float, str, int, Schedule]] = []
        self.last_entry = 0
        self.unsettled: list[Schedule] = []  # those that are to be looked at, as the clock was set back
        # While the clock is between the two there is nothing to do.
        self.earliest = -NEVER
        self.soonest = NEVER
        self.stopped = False

    def stop(self) -> None:
        """Let no tick be due any more: the next process will do them."""
        self.stopped = True
        self.look_ahead()

    # Having schedules

    def check_room(self, definition: Definition) -> None:
        """Raise QueueFull where there may be no more schedules; one of the same name would make room."""
        known = self.by_name.get(definition.name)
        same = known is not None and known.definition.function == definition.function
        of_function = self.counts.get(definition.function, 0)
        if not same and of_function >= self.most_of_function:
            function = definition.function.decode("utf-8", "backslashreplace")
            raise too_many(f"function {function!r} has", of_function, self.most_of_function, OF_FUNCTION)
        if known is None and len(self.by_name) >= self.most:
            raise too_many("there are", len(self.by_name), self.most, OF_ALL)
        freed = 0 if known is None else len(known.definition.workload)
        size = self.bytes - freed + len(definition.workload)
        if size > MOST_BYTES:
            raise QueueFull(
                REFUSAL, f"workloads of all schedules: {size} bytes, at most {MOST_BYTES} are expected"
            )

    def put(self, definition: Definition, origin: str, clock: float) -> Schedule:
        """Have a schedule, rather than one of the same name; it goes on where its mark says."""
        known = self.by_name.get(definition.name)
        if known is not None:
            self.drop(known)
        schedule = Schedule(definition, origin, clock)
        mark = self.marks.get(definition.name)
        if mark is not None:
            schedule.last_at = mark.last_at
            schedule.fired = mark.fired
            if mark.paused is not None:
                schedule.paused = mark.paused
            # With other ticks than before, nothing was missed.
            if mark.when == definition.when():
                schedule.seen = definition.done_until(mark.seen, clock)
        schedule.next_at = self.following(definition, schedule.seen)
        self.by_name[definition.name] = schedule
        self.counts[definition.function] = self.counts.get(definition.function, 0) + 1
        self.bytes += len(definition.workload)
        if origin == WIRE and definition.unique:
            self.by_unique.setdefault(
                key_of(definition.function, definition.unique, definition.workload), schedule
            )
        self.earliest = max(self.earliest, clock - SET_BACK)
        self.line_up(schedule)
        return schedule

    def pause(self, schedule: Schedule, paused: bool) -> None:
        """Let a schedule rest or go on; what it missed meanwhile is caught up as it says."""
        schedule.paused = paused
        self.line_up(schedule)

    def remove(self, schedule: Schedule) -> None:
        """Have a schedule no more."""
        self.drop(schedule)
        self.look_ahead()

    def drop(self, schedule: Schedule) -> None:
        """Take a schedule out of everything by which it is found."""
        definition = schedule.definition
        schedule.entry = 0
        del self.by_name[definition.name]
        self.bytes -= len(definition.workload)
        count = self.counts.pop(definition.function)
        if count > 1:
            self.counts[definition.function] = count - 1
        key = key_of(definition.function, definition.unique, definition.workload)
        if self.by_unique.get(key) is schedule:
            del self.by_unique[key]

    def equal(self, function: bytes, unique: bytes, workload: bytes) -> Schedule | None:
        """The client's schedule that another one would be the same as."""
        return self.by_unique.get(key_of(function, unique, workload)) if unique else None

    # What is due

    def line_up(self, schedule: Schedule) -> None:
        """Give a schedule its place in the queue of ticks, if it has a next one."""
        schedule.entry = 0
        if not schedule.paused and schedule.next_at != NEVER:
            self.last_entry += 1
            schedule.entry = self.last_entry
            heappush(self.queue, (schedule.next_at, schedule.definition.name, schedule.entry, schedule))
        if len(self.queue) > 2 * len(self.by_name) + 16:  # most of them are over
            self.queue = [each for each in self.queue if each[3].entry == each[2]]
            heapify(self.queue)
        self.look_ahead()

    def look_ahead(self) -> None:
        """See when there is something to do again."""
        queue = self.queue
        while queue and queue[0][3].entry != queue[0][2]:
            heappop(queue)
        self.soonest = queue[0][0] if queue else NEVER
        if self.unsettled:
            self.soonest = -NEVER
        if self.stopped or not self.by_name:
            self.earliest = -NEVER
            self.soonest = NEVER

    def due(self, clock: float) -> Schedule | None:
        """The schedule that has waited longest for its tick to be done; None where there is nothing to do now."""
        if clock < self.earliest:
            self.set_back(clock)
        while self.unsettled and self.looks < MOST_LOOKS:
            self.follow(self.unsettled.pop(), clock)
        if self.unsettled or self.stopped or not self.queue or self.queue[0][0] > clock:
            return None
        return self.queue[0][3]

    def set_back(self, clock: float) -> None:
        """The clock was set back: all are looked at, some at a time."""
        self.earliest = clock - SET_BACK
        self.unsettled = list(self.by_name.values())
        waiting = 0
        for schedule in self.unsettled:
            if schedule.seen > clock and schedule.definition.is_fixed():
                waiting += schedule.definition.done_until(schedule.seen, clock) == schedule.seen
        self.notices.append(
            f"the clock was set back to {clock:.0f}: schedules follow it"
            + (f", but for {waiting} that are done until then" if waiting else "")
        )

    def follow(self, schedule: Schedule, clock: float) -> None:
        """Let a schedule go on by the new time, unless its ticks would come twice."""
        seen = schedule.definition.done_until(schedule.seen, clock)
        if seen != schedule.seen and self.by_name.get(schedule.definition.name) is schedule:
            self.go_on(schedule, seen, self.following(schedule.definition, seen))
        else:
            self.look_ahead()

    def take(self, schedule: Schedule, clock: float) -> list[float]:
        """The ticks of a schedule that are to be submitted now.

        All up to the clock are done with that; but of many that are caught up, the rest is due again at once.
        """
        self.earliest = max(self.earliest, clock - SET_BACK)
        if schedule.definition.catch_up == ALL:
            return self.take_some(schedule, clock)
        last = self.last_tick(schedule, clock)
        self.go_on(schedule, last, self.following(schedule.definition, last))
        if schedule.definition.catch_up == SKIP and clock - last > PUNCTUAL:
            return []
        return [last]

    def take_some(self, schedule: Schedule, clock: float) -> list[float]:
        """The next ticks of a schedule that leaves none out, but not too many of them."""
        definition = schedule.definition
        ticks: list[float] = []
        tick = schedule.next_at
        while tick <= clock and len(ticks) < MOST_AT_ONCE and schedule.caught_up < MOST_MISSED:
            ticks.append(tick)
            schedule.caught_up += 1
            tick = self.following(definition, tick)
        last = ticks[-1] if ticks else schedule.seen
        if tick <= clock and schedule.caught_up == MOST_MISSED:
            self.notices.append(
                f"schedule={definition.name} missed more than {MOST_MISSED} ticks: "
                f"those from {tick:.0f} on are left out"
            )
            schedule.next_at = tick
            last = self.last_tick(schedule, clock)
            tick = self.following(definition, last)
        if tick > clock:
            schedule.caught_up = 0
        self.go_on(schedule, last, tick)
        return ticks

    def go_on(self, schedule: Schedule, seen: float, next_at: float) -> None:
        """The ticks up to a moment are done."""
        schedule.seen = seen
        schedule.next_at = next_at
        self.line_up(schedule)

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
        self.looks += 1
        return self.calendar(definition.cron, definition.timezone, after)


def key_of(function: bytes, unique: bytes, workload: bytes) -> tuple[bytes, bytes, bytes]:
    """What two schedules of clients that are the same have in common: the workload, too, where that is the unique."""
    return function, unique, workload if unique == CONTENT else b""


def too_many(found: str, count: int, most: int, option: str) -> QueueFull:
    """What to raise where a limit of schedules is reached."""
    return QueueFull(REFUSAL, f"{found} {count} schedules, at most {most} are expected (--{option})")


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
