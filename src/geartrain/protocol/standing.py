"""Where a job stands whose caller's time is over, as its server says it."""

from __future__ import annotations

from typing import Final, NamedTuple

from geartrain.errors import JobTimeout
from geartrain.protocol.history import JobHistory
from geartrain.protocol.task import Task

PATIENCE: Final = 0.5  # seconds that the server may take to say it, beyond the caller's time


class Standing(NamedTuple):
    """What a server says of a job that is not over."""

    state: str  # queued, delayed or running; empty where the server did not say it
    workers: int | None  # connected workers that can do its function; None where the server did not say it

    def told(self, function: str) -> str:
        """The end of the message."""
        if self.state == "running":
            return "a worker runs it; it goes on"
        if self.state == "delayed":
            return "its time has not come yet; it stays queued"
        if not self.state:
            return "it goes on"
        if self.workers is None:
            return "no worker has taken it yet; it stays queued"
        if self.workers == 0:
            return f"no worker knows {function}; it stays queued"
        able = "1 worker knows" if self.workers == 1 else f"{self.workers} workers know"
        return f"{able} {function}, and none has taken it yet; it stays queued"


UNTOLD: Final = Standing("", None)


def of_status(answer: list[bytes]) -> Standing:
    """What STATUS_RES says, of any server."""
    if answer[1] == b"0":
        return UNTOLD
    return Standing("queued" if answer[2] == b"0" else "running", None)


def of_history(history: JobHistory | None) -> Standing:
    """What RESULT_RES says, of a server with the extension; None where the job is not known."""
    if history is None or history.over:
        return UNTOLD
    return Standing(history.state, history.workers)


def job_timeout(task: Task, server: str, standing: Standing = UNTOLD) -> JobTimeout:
    """The exception for a submitted job whose deadline passed."""
    function = task.function.decode("utf-8", "replace")
    handle = task.handle.decode("utf-8", "replace")
    job = f"job {handle} of {function}" if handle else f"a job of {function}, not acknowledged yet,"
    message = f"{job} is not done in time: {standing.told(function)}"
    return JobTimeout(message, server=server, handle=handle, state=standing.state, workers=standing.workers)


def not_over_in_time(handle: str, server: str, standing: Standing) -> JobTimeout:
    """The exception for a background job whose result was waited for in vain."""
    message = f"job {handle} is not over in time: {standing.told('its function')}"
    return JobTimeout(message, server=server, handle=handle, state=standing.state, workers=standing.workers)
