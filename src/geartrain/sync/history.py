"""What the blocking client asks about one job of servers that have the extension."""

from __future__ import annotations

import time

from geartrain.errors import GearmanError, JobTimeout
from geartrain.jobs import JobHandle
from geartrain.protocol.commands import CANCEL_JOB, GET_RESULT
from geartrain.protocol.history import (
    FIRST_PAUSE,
    JobHistory,
    history_of,
    longer,
    of_holder,
    result_not_kept,
)
from geartrain.protocol.standing import PATIENCE, UNTOLD, Standing, not_over_in_time, of_history
from geartrain.sync.connections import Connections
from geartrain.sync.question import inquire, insist


def result(connections: Connections, handle: JobHandle, deadline: float | None) -> bytes:
    """Wait until the job is over, and give its result."""
    try:
        history = wait_over(connections, handle, deadline)
    except JobTimeout as error:
        raise not_over_in_time(handle, handle.server, standing(connections, handle)) from error
    if history is None:
        raise result_not_kept(handle)
    return history.take_result(handle.server)


def standing(connections: Connections, handle: JobHandle) -> Standing:
    """Where the job stands, as far as a server says it at once."""
    try:
        return of_history(outcome(connections, handle, time.monotonic() + PATIENCE))
    except GearmanError:  # no answer in time, or none at all: the caller hears of its own deadline
        return UNTOLD


def wait_over(connections: Connections, handle: JobHandle, deadline: float | None) -> JobHistory | None:
    """Ask again and again until the job is over."""
    pause = FIRST_PAUSE
    while True:
        history = outcome(connections, handle, deadline)
        if history is None or history.over:
            return history
        connections.network.sleep(pause, deadline)
        pause = longer(pause)


def outcome(connections: Connections, handle: JobHandle, deadline: float | None) -> JobHistory | None:
    """What the server that knows the job has of it."""
    answer = ask_holder(connections, GET_RESULT, handle, deadline)
    return None if answer is None else history_of(answer)


def cancel(connections: Connections, handle: JobHandle, deadline: float | None) -> bool:
    """Cancel the job at the server that knows it; whether one does."""
    return ask_holder(connections, CANCEL_JOB, handle, deadline) is not None


def ask_holder(
    connections: Connections, command: int, handle: JobHandle, deadline: float | None
) -> list[bytes] | None:
    """The answer of the server that knows the job; raises where one that may know it could not be asked."""
    inquiries = inquire(connections, command, [handle], deadline)
    answer = of_holder(inquiries[0].answers)
    if answer is None:
        insist(connections, command, inquiries, deadline)
        answer = of_holder(inquiries[0].answers)
    return answer
