"""Sight: what a list has for whoever asks, and what ``*`` stands for: all, or what the peer has a right on."""

from __future__ import annotations

from collections.abc import Iterable

from geartrain.broker.access import ADMIN, VIEW
from geartrain.broker.archive import DeadLetter
from geartrain.broker.broker import Broker
from geartrain.broker.model import Connection, Function, Job


def functions_for(broker: Broker) -> Iterable[Function]:
    """The functions that the asker may view."""
    asker = broker.asker
    if asker is None:
        return broker.functions.values()
    return [function for function in broker.functions.values() if asker.may(VIEW, function.name)]


def jobs_for(broker: Broker, rights: int = VIEW) -> Iterable[Job]:
    """The jobs on whose functions the asker has one of the rights."""
    asker = broker.asker
    if asker is None:
        return broker.jobs.values()
    return [job for job in broker.jobs.values() if asker.may(rights, job.function.name)]


def letters_for(broker: Broker, rights: int = VIEW) -> Iterable[DeadLetter]:
    """The same for dead letters."""
    letters = broker.archive.dead.values()
    return [letter for letter in letters if may(broker, rights, letter.job.function.name)]


def peers_for(broker: Broker) -> Iterable[Connection]:
    """The connections that have to do with a function that the asker may view."""
    asker = broker.asker
    if asker is None or asker.has_every(VIEW):
        return broker.connections
    return [peer for peer in broker.connections if is_seen(broker, peer)]


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
