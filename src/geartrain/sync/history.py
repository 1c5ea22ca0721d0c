"""What the blocking client asks about one job of servers that have the extension."""

from __future__ import annotations

from geartrain.errors import JobTimeout
from geartrain.jobs import JobHandle
from geartrain.protocol.commands import CANCEL_JOB, GET_RESULT
from geartrain.protocol.history import (
    FIRST_PAUSE,
    JobHistory,
    history_of,
    longer,
    not_over_in_time,
    of_holder,
    result_not_kept,
)
from geartrain.protocol.servers import Server
from geartrain.sync.connections import Connections
from geartrain.sync.question import ask


def result(
    connections: Connections, handle: JobHandle, servers: list[Server], deadline: float | None
) -> bytes:
    """Wait until the job is over, and give its result."""
    try:
        history = wait_over(connections, handle, servers, deadline)
    except JobTimeout as error:
        raise not_over_in_time(handle) from error
    if history is None:
        raise result_not_kept(handle)
    return history.take_result(handle.server)


def wait_over(
    connections: Connections, handle: JobHandle, servers: list[Server], deadline: float | None
) -> JobHistory | None:
    """Ask again and again until the job is over."""
    pause = FIRST_PAUSE
    while True:
        history = outcome(connections, handle, servers, deadline)
        if history is None or history.over:
            return history
        connections.network.sleep(pause, deadline)
        pause = longer(pause)


def outcome(
    connections: Connections, handle: JobHandle, servers: list[Server], deadline: float | None
) -> JobHistory | None:
    """What the server that knows the job has of it."""
    answer = ask_holder(connections, GET_RESULT, handle, servers, deadline)
    return None if answer is None else history_of(answer)


def cancel(
    connections: Connections, handle: JobHandle, servers: list[Server], deadline: float | None
) -> bool:
    """Cancel the job at the server that knows it; whether one does."""
    return ask_holder(connections, CANCEL_JOB, handle, servers, deadline) is not None


def ask_holder(
    connections: Connections, command: int, handle: JobHandle, servers: list[Server], deadline: float | None
) -> list[bytes] | None:
    """The answer of the server that knows the job; raises where one that may know it could not be asked."""
    question = [(servers, handle.encode())]
    answers = ask(connections, command, question, deadline, False)[0]
    answer = of_holder(answers)
    if answer is None and None in answers:
        answer = of_holder(ask(connections, command, question, deadline, True)[0])
    return answer
