"""The agenda: what is to be done at some time, and when the next of it is due."""

from __future__ import annotations

from typing import Final

from geartrain.broker.broker import Broker
from geartrain.broker.deadlines import NEVER
from geartrain.broker.endings import expire, lose
from geartrain.broker.results import forget_expired
from geartrain.broker.revocation import revoke
from geartrain.broker.ticks import submit_due

CLOCK_CHECK: Final = 1.0  # seconds after which delayed jobs are looked at anyway: the clock may have been set
EXPIRY_CHECK: Final = 1.0  # seconds for which results may be kept for longer than they have to


def tick(broker: Broker) -> None:
    """Do what is due at ``now`` and ``clock``."""
    if not broker.schedules.earliest <= broker.clock < broker.schedules.soonest:
        submit_due(broker)
    if broker.delayed.heap:
        for job in broker.delayed.take(broker.clock):
            broker.ripen(job)
    if broker.time_limits.heap:
        for job in broker.time_limits.take(broker.now):
            broker.note("worker timeout reached on job", job)
            revoke(broker, job, b"timeout")
            lose(broker, job, "timeout")
    if broker.lifetimes.heap and not broker.sleepers.suspended:
        for job in broker.lifetimes.take(broker.now):
            expire(broker, job)
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


def wait(broker: Broker) -> float:
    """How many seconds may pass until the next ``tick``; NEVER while nothing is set."""
    soonest = broker.sleepers.look_again
    if broker.time_limits.heap:
        soonest = min(soonest, broker.time_limits.next())
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
    if broker.archive.expiries:
        soonest = min(soonest, max(broker.archive.expiries[0][0] - broker.clock, EXPIRY_CHECK))
    return soonest
