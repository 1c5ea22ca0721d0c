"""App: the tasks of an application, and the servers that its callers talk to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from types import TracebackType
from typing import Any, Concatenate, Literal, ParamSpec, Protocol, Self, TypeVar, Unpack, overload

from geartrain.aio.worker import AsyncWorker
from geartrain.aio.worker_job import AsyncWorkerJob
from geartrain.errors import SettingsError
from geartrain.jobs import WorkerJob
from geartrain.protocol.servers import Servers
from geartrain.sync.worker import Worker
from geartrain.tasks.definition import Definition
from geartrain.tasks.execution import offer, offer_async
from geartrain.tasks.options import TaskOptions
from geartrain.tasks.pool import Binding, ServerPool
from geartrain.tasks.task import AsyncStreamTask, AsyncTask, StreamTask, Task
from geartrain.tls import Speech

P = ParamSpec("P")
R = TypeVar("R")

# A coroutine function is a function that returns something awaitable, too: that is what makes the first two overloads
# overlap wherever tasks are made. Checkers take the first that fits, which is the one that is meant.


class Decorator(Protocol):
    """Makes a task of a function."""

    @overload
    def __call__(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> AsyncTask[P, R]: ...  # type: ignore[overload-overlap]
    @overload
    def __call__(self, function: Callable[P, R], /) -> Task[P, R]: ...


class BoundDecorator(Protocol):
    """Makes a task of a function whose first parameter is the job."""

    @overload
    def __call__(
        self, function: Callable[Concatenate[AsyncWorkerJob, P], Coroutine[Any, Any, R]], /
    ) -> AsyncTask[P, R]: ...
    @overload
    def __call__(self, function: Callable[Concatenate[WorkerJob, P], R], /) -> Task[P, R]: ...


class StreamDecorator(Protocol):
    """Makes a task of a generator."""

    @overload
    def __call__(self, function: Callable[P, Iterator[R]], /) -> StreamTask[P, R]: ...
    @overload
    def __call__(self, function: Callable[P, AsyncIterator[R]], /) -> AsyncStreamTask[P, R]: ...


class BoundStreamDecorator(Protocol):
    """Makes a task of a generator whose first parameter is the job."""

    @overload
    def __call__(self, function: Callable[Concatenate[WorkerJob, P], Iterator[R]], /) -> StreamTask[P, R]: ...
    @overload
    def __call__(
        self, function: Callable[Concatenate[AsyncWorkerJob, P], AsyncIterator[R]], /
    ) -> AsyncStreamTask[P, R]: ...


class App:
    """The tasks of an application.

    ``servers`` is "host:port", a comma string or a list of them; None takes GEARMAN_SERVERS, else localhost:4730.
    ``timeout`` (seconds; None is for ever) is the total time of a call whose options name none. ``resubmit``,
    ``tls`` and ``token`` are those of ``Client``: whether a call whose server is lost goes on at another one, how TLS
    is spoken, and what is said to servers with access rules, by the app's workers, too. Nothing is sent before a task
    is asked to run.
    As a context manager the app ends its connections.
    """

    def __init__(
        self,
        servers: Servers = None,
        *,
        timeout: float | None = None,
        resubmit: bool = True,
        tls: Speech = None,
        token: str | None = None,
    ) -> None:
        self.servers = servers
        self.own_pool = ServerPool(servers, timeout, resubmit, tls, token)
        self.binding = Binding(self.own_pool)
        self.definitions: dict[str, Definition] = {}  # by the name of the Gearman function

    @overload
    def task(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> AsyncTask[P, R]: ...  # type: ignore[overload-overlap]
    @overload
    def task(self, function: Callable[P, R], /) -> Task[P, R]: ...
    @overload
    def task(self, /, *, bind: Literal[True], **options: Unpack[TaskOptions]) -> BoundDecorator: ...
    @overload
    def task(self, /, *, bind: Literal[False] = False, **options: Unpack[TaskOptions]) -> Decorator: ...
    def task(self, function: Any = None, /, *, bind: bool = False, **options: Unpack[TaskOptions]) -> Any:
        """Make a task of a function, plain or ``async``; with or without arguments.

        ``name`` is the name of the Gearman function, ``unique`` makes equal calls one job ("thumb:{key}", a
        callable, or one of ``Unique``), ``timeout`` is the time in seconds after which the server gives a running
        job to another worker, ``retry`` says when a failed job is tried again, ``priority`` which queue it waits
        in. ``bind`` passes the job as the first argument; ``raw`` makes the one argument the workload as it is.
        Raises SettingsError for an option that is not known, has a value that it cannot have, or does not fit the
        function.
        """

        def decorate(function: Callable[..., Any]) -> Any:
            definition = self.define(function, stream=False, bind=bind, options=options)
            return (AsyncTask if definition.is_async else Task)(definition, self.binding)

        return decorate if function is None else decorate(function)

    @overload
    def stream(self, *, bind: Literal[True], **options: Unpack[TaskOptions]) -> BoundStreamDecorator: ...
    @overload
    def stream(self, *, bind: Literal[False] = False, **options: Unpack[TaskOptions]) -> StreamDecorator: ...
    def stream(self, *, bind: bool = False, **options: Unpack[TaskOptions]) -> Any:
        """Make a task of a generator, plain or ``async``: each item it yields is sent at once.

        Takes what ``task`` takes, except ``retry``: what was sent cannot be taken back.
        """
        if "retry" in options:
            raise SettingsError("retry: a stream cannot be tried again: a part of it was sent already")

        def decorate(function: Callable[..., Any]) -> Any:
            definition = self.define(function, stream=True, bind=bind, options=options)
            return (AsyncStreamTask if definition.is_async else StreamTask)(definition, self.binding)

        return decorate

    def define(
        self, function: Callable[..., Any], *, stream: bool, bind: bool, options: TaskOptions
    ) -> Definition:
        """Take up a function; raises SettingsError where its name is taken."""
        definition = Definition(function, stream=stream, bind=bind, options=options)
        if definition.name in self.definitions:
            raise SettingsError(f"task {definition.name}: the app has a task of this name already")
        self.definitions[definition.name] = definition
        return definition

    def add_to(self, worker: Worker | AsyncWorker) -> None:
        """Have a worker of your own run the app's tasks; ``geartrain worker module:app`` does it in processes."""
        for definition in self.definitions.values():
            if isinstance(worker, Worker):
                offer(worker, definition)
            else:
                offer_async(worker, definition)

    def close(self) -> None:
        """End the connections of blocking callers; a later call makes new ones."""
        self.own_pool.close()

    async def aclose(self) -> None:
        """End the connections of the running loop's callers; a later call makes new ones."""
        await self.own_pool.aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
