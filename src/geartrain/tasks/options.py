"""What a program says of a task and of its calls, checked where it says it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Final, NamedTuple, TypedDict

from geartrain.errors import SettingsError
from geartrain.protocol.settings import is_seconds
from geartrain.protocol.submission import Priority, Unique
from geartrain.tasks.retry import RetryPolicy
from geartrain.tasks.uniques import UniqueRule

LONGEST_NAME: Final = 512  # bytes of a function's name that every Gearman server takes


class TaskOptions(TypedDict, total=False):
    """What ``@app.task(...)`` and ``@app.stream(...)`` take."""

    name: str  # of the Gearman function; without it, the name of the Python function
    unique: UniqueRule  # calls whose uniques are equal share one job
    timeout: float  # seconds after which a running job is given to another worker
    retry: RetryPolicy
    priority: Priority
    raw: bool  # the workload is the one argument, as it is


@dataclass(frozen=True)
class CallOptions:
    """What ``task.options(...)`` says of the calls that follow; None leaves it to the task."""

    priority: Priority | None = None
    delay: float | timedelta | None = None  # seconds before the job may run
    at: datetime | None = None  # when it may run
    unique: str | Unique | None = None  # the unique itself
    timeout: float | None = None  # seconds that the caller waits in total


class Check(NamedTuple):
    """Which values an option may have."""

    fits: Callable[[object], bool]
    expected: str  # in the words of the error


def is_name(value: object) -> bool:
    """Whether it can be a function's name on the wire."""
    return isinstance(value, str) and 0 < len(value.encode()) <= LONGEST_NAME and "\0" not in value


def is_limit(value: object) -> bool:
    """Whether it is a time that an execution may take."""
    return is_seconds(value) and value != 0


PRIORITY: Final = Check(lambda value: isinstance(value, Priority), "a Priority, such as Priority.HIGH")
TASK_CHECKS: Final[Mapping[str, Check]] = {
    "name": Check(is_name, f"text of 1 to {LONGEST_NAME} bytes without NUL"),
    "unique": Check(
        lambda value: value is None or isinstance(value, str | Unique) or callable(value),
        'a template such as "thumb:{key}", a function, or one of Unique',
    ),
    "timeout": Check(lambda value: value is None or is_limit(value), "a number of seconds above 0"),
    "retry": Check(
        lambda value: value is None or isinstance(value, RetryPolicy), "a RetryPolicy, such as RetryPolicy(3)"
    ),
    "priority": PRIORITY,
    "raw": Check(lambda value: isinstance(value, bool), "True or False"),
    "bind": Check(lambda value: isinstance(value, bool), "True or False"),
}
CALL_CHECKS: Final[Mapping[str, Check]] = {
    "priority": PRIORITY,
    "delay": Check(
        lambda value: (
            is_seconds(value) or (isinstance(value, timedelta) and is_seconds(value.total_seconds()))
        ),
        "0 or more seconds, or a timedelta",
    ),
    "at": Check(lambda value: isinstance(value, datetime), "a datetime"),
    "unique": Check(lambda value: isinstance(value, str | Unique), "text, or one of Unique"),
    "timeout": Check(is_seconds, "a number of seconds, 0 or more"),
}
assert CALL_CHECKS.keys() == {field.name for field in fields(CallOptions)}


def check(task: str, given: Mapping[str, object], checks: Mapping[str, Check]) -> None:
    """Raise SettingsError for an option that is not known, or has a value that it cannot have."""
    for option, value in given.items():
        known = checks.get(option)
        if known is None:
            raise SettingsError(
                f"task {task}: option {option}={value!r}: expected one of {', '.join(sorted(checks))}"
            )
        if not known.fits(value):
            raise SettingsError(f"task {task}: {option} {value!r}: expected {known.expected}")
