"""Forgetting: functions that nobody works on, waits for or has set anything for go, with what was counted of them.

The latest of them stay for a while, as with gearmand: programs look for their function in ``status``.
"""

from __future__ import annotations

from itertools import islice
from typing import Final

from geartrain.broker.broker import Broker
from geartrain.broker.deadlines import NEVER
from geartrain.broker.model import Function
from geartrain.broker.policy import literal, text_of

MOST_IDLE: Final = 1000  # functions that have had jobs and are remembered
MOST_UNUSED: Final = 100  # functions that have never had a job and are remembered
PERIOD: Final = 1.0  # seconds between two looks at functions that something is set for
MOST_LOOKS: Final = 1000  # functions of one such look


def forget_idle(broker: Broker) -> None:
    """The end of a turn: forget functions that have become idle."""
    idle = broker.idle
    noted, idle.noted = idle.noted, {}
    for name in noted:
        consider(broker, name)
    if broker.now >= idle.look_at:
        for name in list(islice(idle.kept, MOST_LOOKS)):
            consider(broker, name)
        idle.look_at = NEVER
    if idle.kept and idle.look_at == NEVER:
        idle.look_at = broker.now + PERIOD
    forget_oldest(broker, idle.unused, MOST_UNUSED)
    forget_oldest(broker, idle.latest, MOST_IDLE)


def forget_oldest(broker: Broker, names: dict[bytes, None], most: int) -> None:
    """Remember so many of some functions."""
    for name in list(islice(names, max(len(names) - most, 0))):
        del names[name]
        forget_function(broker, name)


def consider(broker: Broker, name: bytes) -> None:
    """Find out what becomes of a function that may be idle."""
    idle = broker.idle
    idle.unused.pop(name, None)
    idle.latest.pop(name, None)
    idle.kept.pop(name, None)
    function = broker.functions.get(name)
    if function is None or function.created or not is_idle(function):
        return
    if is_wanted(broker, name):
        idle.kept[name] = None
    elif function.tally.is_empty():
        idle.unused[name] = None
    else:
        idle.latest[name] = None


def forget_function(broker: Broker, name: bytes) -> None:
    """Forget a function that was idle; one that something is set for by now is kept."""
    function = broker.functions.get(name)
    if function is None or function.created or not is_idle(function):
        return
    if is_wanted(broker, name):
        broker.idle.kept[name] = None
    else:
        del broker.functions[name]


def is_idle(function: Function) -> bool:
    """Whether a function has neither workers nor jobs."""
    return not function.workers and not function.total()


def is_wanted(broker: Broker, name: bytes) -> bool:
    """Whether something is set for a function or kept of it, or somebody watches it."""
    text = text_of(name)
    archive = broker.archive
    return (
        broker.policies.has(text)
        or broker.policies.has(literal(text))
        or name in broker.schedules.counts
        or name in archive.dead_of
        or name in archive.results_of
        or (broker.events is not None and broker.events.only.get(name, 0.0) > broker.now)
    )
