"""Tasks: typed functions that run here when they are called, and elsewhere when they are asked to."""

from __future__ import annotations

import copy
import importlib
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial, update_wrapper
from operator import attrgetter
from typing import Any, Generic, ParamSpec, Self, TypeVar, cast

from geartrain.errors import JobTimeout
from geartrain.protocol.submission import Priority, Unique
from geartrain.tasks.definition import Definition
from geartrain.tasks.local import AsyncLocalJob, LocalJob
from geartrain.tasks.options import CALL_CHECKS, CallOptions, check
from geartrain.tasks.pool import Binding
from geartrain.tasks.results import AsyncTaskJob, Queued, TaskJob, async_items, items
from geartrain.tasks.submission import Submission

P = ParamSpec("P")
R = TypeVar("R")


def revived(module: str, name: str, options: CallOptions) -> Any:
    """The task that was pickled: what its module has under its name, with the options that it had."""
    return attrgetter(name)(importlib.import_module(module)).with_options(options)


def look_like(task: object, function: Callable[..., Any]) -> None:
    """Let ``inspect`` and those who use it (Starlette, FastAPI) see what kind of function a task is.

    They take an object for a coroutine function, or a generator, where it has a function's attributes.
    """
    while isinstance(function, partial):
        function = function.func
    for name in ("__code__", "__defaults__", "__kwdefaults__"):
        if hasattr(function, name):
            setattr(task, name, getattr(function, name))


class AnyTask(Generic[P, R]):
    """What the tasks of plain functions, coroutine functions and generators share."""

    __name__: str  # these three are the function's own
    __doc__: str | None
    __wrapped__: Callable[..., Any]

    def __init__(self, definition: Definition, binding: Binding) -> None:
        self.definition = definition
        self.binding = binding
        self.call_options = CallOptions()
        update_wrapper(cast(Callable[..., Any], self), definition.function)
        self.__signature__ = definition.signature
        look_like(self, definition.function)

    def __repr__(self) -> str:
        """The name and the parameters."""
        return f"<{type(self).__name__} {self.name}{self.definition.signature}>"

    @property
    def name(self) -> str:
        """The name of the Gearman function."""
        return self.definition.name

    def options(
        self,
        *,
        priority: Priority | None = None,
        delay: float | timedelta | None = None,
        at: datetime | None = None,
        unique: str | Unique | None = None,
        timeout: float | None = None,
    ) -> Self:
        """The same task, for calls with these options.

        ``delay`` (seconds) and ``at`` are for ``enqueue``; ``timeout`` is how many seconds the caller waits in
        total. What is not given stays as it is. Raises SettingsError for a value that an option cannot have.
        """
        given = {"priority": priority, "delay": delay, "at": at, "unique": unique, "timeout": timeout}
        changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        check(self.name, changes, CALL_CHECKS)
        return self.with_options(replace(self.call_options, **changes))

    def with_options(self, options: CallOptions) -> Self:
        """The same task with these options and no others."""
        task = copy.copy(self)
        task.call_options = options
        return task

    def __copy__(self) -> Self:
        """A task of its own options for the same function."""
        task = type(self).__new__(type(self))
        vars(task).update(vars(self))
        return task

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """The same as a copy: the function and the app's connections are shared, as a module's are."""
        return copy.copy(self)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, str, CallOptions]]:
        """Pickle as a function is pickled: by the names of its module and of itself."""
        module, name = self.definition.function.__module__, self.definition.function.__qualname__
        return revived, (module, name, self.call_options)

    def here(self, *args: P.args, **kwargs: P.kwargs) -> Any:
        """What the function returns in this process; a task with ``bind`` gets a stand-in for its job."""
        stand_in = AsyncLocalJob if self.definition.is_async else LocalJob
        return self.definition.here(stand_in(self.name), args, kwargs)

    def submission(self, *args: P.args, **kwargs: P.kwargs) -> Submission:
        """A call that is not on its way yet; raises TypeError or PayloadError for arguments that do not fit."""
        call = self.definition.encode(args, kwargs)
        return Submission(self.definition, self.call_options, self.binding.pool, call)


class ResultTask(AnyTask[P, R]):
    """A task with one result, which is an ``R``."""

    def call(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run elsewhere and wait for the result; raises like ``TaskJob.result``."""
        job = self.submit(*args, **kwargs)
        try:
            return job.result()
        except JobTimeout:
            job.job.abandon()
            raise

    async def acall(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """The same on a loop."""
        job = await self.asubmit(*args, **kwargs)
        try:
            return await job.result()
        except JobTimeout:
            job.job.abandon()
            raise

    def submit(self, *args: P.args, **kwargs: P.kwargs) -> TaskJob[R]:
        """Start elsewhere and return as soon as a server has the job."""
        submission = self.submission(*args, **kwargs)
        return TaskJob(submission, submission.start())

    async def asubmit(self, *args: P.args, **kwargs: P.kwargs) -> AsyncTaskJob[R]:
        """The same on a loop."""
        submission = self.submission(*args, **kwargs)
        return AsyncTaskJob(submission, await submission.async_start())

    def enqueue(self, *args: P.args, **kwargs: P.kwargs) -> Queued[R]:
        """Queue a background job and return as soon as a server has it."""
        submission = self.submission(*args, **kwargs)
        return Queued(submission, submission.queue())

    async def aenqueue(self, *args: P.args, **kwargs: P.kwargs) -> Queued[R]:
        """The same on a loop."""
        submission = self.submission(*args, **kwargs)
        return Queued(submission, await submission.async_queue())


class Task(ResultTask[P, R]):
    """The task of a plain function."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run here."""
        return cast(R, self.here(*args, **kwargs))


class AsyncTask(ResultTask[P, R]):
    """The task of a coroutine function."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R]:
        """Run here, when it is awaited."""
        return cast(Coroutine[Any, Any, R], self.here(*args, **kwargs))


class ItemsTask(AnyTask[P, R]):
    """A task that yields items of the type ``R``, one WORK_DATA each."""

    def stream(self, *args: P.args, **kwargs: P.kwargs) -> Iterator[R]:
        """Start elsewhere and return when a server has the job; the items come one by one.

        Going through them raises JobFailed, JobException, JobTimeout, ConnectionLost or PayloadError.
        """
        submission = self.submission(*args, **kwargs)
        return items(submission, submission.start())

    def astream(self, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[R]:
        """The same on a loop; the job starts with the first item that is asked for."""
        return async_items(self.submission(*args, **kwargs))


class StreamTask(ItemsTask[P, R]):
    """The task of a generator."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Iterator[R]:
        """Run here."""
        return cast(Iterator[R], self.here(*args, **kwargs))


class AsyncStreamTask(ItemsTask[P, R]):
    """The task of an asynchronous generator."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[R]:
        """Run here."""
        return cast(AsyncIterator[R], self.here(*args, **kwargs))
