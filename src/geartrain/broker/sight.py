"""Sight: what a list has for whoever asks, and what ``*`` stands for: all, or what the peer has a right on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from geartrain.broker.access import ADMIN, VIEW
from geartrain.broker.archive import DeadLetter
from geartrain.broker.broker import Broker
from geartrain.broker.model import Connection, Function, Job

ANY: Final = b"*"  # every function

# What lists have, as long as it is there when its turn comes. None is one that was looked at and is not shown.


def functions_for(broker: Broker) -> Iterator[Function | None]:
    """The functions that the asker may view."""
    for name in list(broker.functions):
        yield broker.functions.get(name) if may(broker, VIEW, name) else None


def jobs_in(broker: Broker, name: bytes = ANY) -> Iterator[Job | None]:
    """The jobs that the asker may view; of one function where one is named."""
    for number in list(broker.jobs):
        job = broker.jobs.get(number)
        if job is None or name not in (ANY, job.function.name) or not may(broker, VIEW, job.function.name):
            yield None
        else:
            yield job


def peers_for(broker: Broker) -> Iterator[Connection | None]:
    """The connections that have to do with a function that the asker may view."""
    for peer in list(broker.connections):
        all_seen = broker.asker is None or broker.asker.has_every(VIEW)
        yield peer if peer in broker.connections and (all_seen or is_seen(broker, peer)) else None


# What is decided on in one go.


def jobs_for(broker: Broker, rights: int) -> Iterable[Job]:
    """The jobs on whose functions the asker has one of the rights."""
    asker = broker.asker
    if asker is None:
        return broker.jobs.values()
    return [job for job in broker.jobs.values() if asker.may(rights, job.function.name)]


def letters_for(broker: Broker, rights: int) -> Iterable[DeadLetter]:
    """The same for dead letters."""
    letters = broker.archive.dead.values()
    return [letter for letter in letters if may(broker, rights, letter.job.function.name)]


def is_seen(broker: Broker, peer: Connection) -> bool:
    """Whether the asker may view something that a connection can do, runs or waits for."""
    jobs = [*peer.running.values(), *peer.waiting]
    names = [function.name for function in peer.abilities] + [job.function.name for job in jobs]
    for name in names:
        if may(broker, VIEW, name):
            return True
    return False


def may_manage(broker: Broker, peer: Connection) -> bool:
    """Whether the asker may decide on all that a worker can do."""
    asker = broker.asker
    if asker is None or asker.has_every(ADMIN):
        return True
    for function in peer.abilities:
        if not asker.may(ADMIN, function.name):
            return False
    return bool(peer.abilities)


def may(broker: Broker, rights: int, name: bytes) -> bool:
    """Whether the asker has one of the rights on a function."""
    return broker.asker is None or broker.asker.may(rights, name)
