"""How a call is submitted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from geartrain.protocol.submission import Priority, Unique


@dataclass(frozen=True)
class CallOptions:
    """What ``task.options(...)`` says of the calls that follow; None leaves it to the task."""

    priority: Priority | None = None
    delay: float | timedelta | None = None  # seconds before the job may run
    at: datetime | None = None  # when it may run
    unique: str | Unique | None = None  # the unique itself
    timeout: float | None = None  # seconds that the caller waits in total
