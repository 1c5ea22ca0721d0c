"""The agenda: what is to be done at some time, and when the next of it is due."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from geartrain.broker.accidents import Accident
from geartrain.broker.broker import Broker
from geartrain.broker.deadlines import NEVER
from geartrain.broker.endings import expire, lose
from geartrain.broker.model import Job
from geartrain.broker.results import forget_expired
from geartrain.broker.revocation import revoke
from geartrain.broker.ticks import submit_due

CLOCK_CHECK: Final = 1.0  # seconds after which delayed jobs are looked at anyway: the clock may have been set
EXPIRY_CHECK: Final = 1.0  # seconds for which results may be kept for longer than they have to


def tick(broker: Broker) -> None:
    """Do what is due at ``now`` and ``clock``; an exception in one job's affair keeps no other from its own."""
    if not broker.schedules.earliest <= broker.clock < broker.schedules.soonest:
        submit_due(broker)
    if broker.delayed.heap:
        for_each(broker, broker.delayed.take(broker.clock), ripen, "a delayed job")
    if broker.countdowns.heap:
        for_each(broker, broker.countdowns.take(broker.now), ripen, "a delayed job")
    if broker.time_limits.heap:
        for_each(broker, broker.time_limits.take(broker.now), take_away, "a time limit")
    if broker.lifetimes.heap and not broker.sleepers.suspended:
        for_each(broker, broker.lifetimes.take(broker.now), expire, "a job's lifetime")
    if broker.openings.heap:
        for function in broker.openings.take(broker.now):
            if function.sleepers:
                broker.sleepers.call(function, function.ready(broker.now))
    if broker.archive.expiries:
        forget_expired(broker)
    if broker.now >= broker.sleepers.look_again:
        broker.sleepers.tick()
    if broker.events is not None and broker.now > broker.events.until:
        broker.events = None


def for_each(broker: Broker, jobs: list[Job], do: Callable[[Broker, Job], None], what: str) -> None:
    """Do something for jobs whose time has come."""
    for job in jobs:
        try:
            do(broker, job)
        except (
            Exception
        ) as error:  # whatever it is: the other jobs are due as well, and this one would be again
            broker.accidents.append(Accident(what, error, None))


def ripen(broker: Broker, job: Job) -> None:
    broker.ripen(job)


def take_away(broker: Broker, job: Job) -> None:
    """A job is over its time limit."""
    broker.note("worker timeout reached on job", job)
    revoke(broker, job, b"timeout")
    lose(broker, job, "timeout")


def wait(broker: Broker) -> float:
    """How many seconds may pass until the next ``tick``; NEVER while nothing is set."""
    soonest = broker.sleepers.look_again
    for deadlines in (broker.countdowns, broker.time_limits):
        if deadlines.heap:
            soonest = min(soonest, deadlines.next())
    if broker.lifetimes.heap and not broker.sleepers.suspended:
        soonest = min(soonest, broker.lifetimes.next())
    if broker.openings.heap:
        soonest = min(soonest, broker.openings.next())
    if soonest != NEVER:
        soonest = max(soonest - broker.now, 0.0)
    if broker.delayed.heap:
        soonest = min(soonest, max(broker.delayed.next() - broker.clock, 0.0), CLOCK_CHECK)
    if broker.schedules.soonest != NEVER:
        soonest = min(soonest, max(broker.schedules.soonest - broker.clock, 0.0), CLOCK_CHECK)
    if broker.lists.unfinished:
        soonest = min(soonest, broker.lists.wait())
    if broker.archive.expiries:
        soonest = min(soonest, max(broker.archive.expiries[0][0] - broker.clock, EXPIRY_CHECK))
    return soonest
