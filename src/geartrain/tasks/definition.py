"""What client and worker both know of a task."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from geartrain.errors import LONGEST_RETRY, Fail, JobFailed, PayloadError, Reject, Retry, SettingsError
from geartrain.jobs import RunningJob
from geartrain.protocol.submission import Priority, Unique
from geartrain.tasks.codec import arguments_of, item_value, result_value
from geartrain.tasks.options import TASK_CHECKS, TaskOptions, check
from geartrain.tasks.parameters import Parameters
from geartrain.tasks.retry import delay_at_worker
from geartrain.tasks.uniques import Uniques


class Call(NamedTuple):
    """A call as it is submitted."""

    workload: bytes
    unique: str | Unique | None


class Definition:
    """A task without its types; raises SettingsError for options that do not fit the function."""

    def __init__(
        self, function: Callable[..., Any], *, stream: bool, bind: bool, options: TaskOptions
    ) -> None:
        self.function = function
        self.bind = bind
        self.is_stream = stream
        check(getattr(function, "__name__", repr(function)), {**options, "bind": bind}, TASK_CHECKS)
        self.name = options.get("name") or name_of(function)
        self.timeout = options.get("timeout")
        self.retry = options.get("retry")
        self.priority = options.get("priority", Priority.NORMAL)
        raw = options.get("raw", False)
        parameters = Parameters(self.name, function, bind)
        self.signature = parameters.signature  # as callers see it: without the job
        self.arguments = arguments_of(parameters, raw)
        self.result = item_value(parameters, raw) if stream else result_value(parameters, raw)
        self.uniques = Uniques(parameters, options.get("unique"))
        self.is_async = inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)

    def encode(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Call:
        """What to submit for a call; raises TypeError for wrong arguments, PayloadError for unsendable ones."""
        return Call(self.arguments.encode(args, kwargs), self.uniques.of(args, kwargs))

    def here(self, job: RunningJob, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """What the function returns when it is called in this process."""
        return self.function(job, *args, **kwargs) if self.bind else self.function(*args, **kwargs)

    @contextmanager
    def running(self, job: RunningJob) -> Iterator[None]:
        """Let what is inside raise what its worker understands: Retry where the job is to be tried again."""
        try:
            if self.retry is not None and job.attempt > self.retry.attempts:
                raise JobFailed(
                    f"{self.name} gave up after {self.retry.attempts} attempts without a result: "
                    "the worker was lost, or over its time limit",
                    handle=job.handle,
                )
            yield
        except (Fail, Reject, PayloadError):  # another attempt would get the same bytes
            raise
        except Exception as error:
            if job.assignment.cancelled:
                raise  # nobody hears of it
            delay = delay_at_worker(self.retry, job.attempt, error)
            if delay is not None:
                raise Retry(min(delay, LONGEST_RETRY)) from error
            if isinstance(error, Retry):
                raise JobFailed(
                    f"{self.name} gave up after {job.attempt} attempts", handle=job.handle
                ) from error
            raise


def name_of(function: Callable[..., Any]) -> str:
    """What a task is called that is given no name; raises SettingsError."""
    name = getattr(function, "__name__", None)
    if not isinstance(name, str):
        raise SettingsError(f"task of {function!r}: it has no name of its own, expected name=")
    return name
