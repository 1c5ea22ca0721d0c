"""When a task goes to another server: its own stops, or is lost, before the task is done."""

from __future__ import annotations

from typing import Final

from geartrain.errors import ConnectionLost, GearmanError, NoServers, QueueFull
from geartrain.protocol.commands import STOPPING
from geartrain.protocol.events import Data
from geartrain.protocol.servers import Server, ServerList
from geartrain.protocol.task import Task

STOPPING_TEXT: Final = STOPPING.decode()


def candidates(task: Task, servers: ServerList, now: float) -> list[Server]:
    """The servers that may take the task, best first."""
    order = servers.order(task.function, task.key, now)
    if not task.declined:
        return order
    return [server for server in order if server.name not in task.declined]


def again(task: Task, servers: ServerList, now: float) -> bool:
    """Whether to submit a task once more that ended with an error; ``Task.start_over`` comes next.

    That is for a job that no server took, and for a foreground job under way that can be joined by its unique.
    """
    error = task.error
    if task.abandoned or error is None:
        return False
    if is_stopping(error):
        return declined(task, error.server, servers, now)
    if not isinstance(error, ConnectionLost):
        return False
    if not task.handle:
        return task.retries > 0
    task.declined = ()
    return task.moves > 0 and has_its_pieces(task)


def is_stopping(error: Exception) -> bool:
    """Whether a server refused because it is about to end."""
    return isinstance(error, QueueFull) and error.text == STOPPING_TEXT


def declined(task: Task, name: str, servers: ServerList, now: float) -> bool:
    """Note that a server stops; whether there is one that may still take the task."""
    if name not in task.declined:
        task.declined += (name,)
    stopping = servers.named(name)
    if stopping is not None and stopping.retry_at <= now:
        servers.failed(stopping, now)
    return any(server.name not in task.declined for server in servers.servers)


def has_its_pieces(task: Task) -> bool:
    """Whether nobody has taken a piece of the result: what was taken cannot be taken back."""
    return task.pieces == 0 or task.pieces == sum(isinstance(event, Data) for event in task.events)


def end_unmoved(task: Task, error: GearmanError) -> None:
    """End a task that no other server takes, because of ``error``."""
    before = task.error
    task.moves = 0
    if before is None:
        return task.refuse(error)
    why = f"{before}; {error}"
    if not task.handle:
        return task.refuse(NoServers(why, server=before.server))
    task.refuse(ConnectionLost(why, server=before.server, handle=before.handle, submitted=True))
