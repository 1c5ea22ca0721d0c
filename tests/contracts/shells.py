"""Both shells behind one face: the asyncio one is driven from outside its loop, so that a scenario is written once."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, Protocol, cast

from geartrain import Admin, AsyncAdmin, AsyncClient, AsyncWorker, Client, Worker
from tests.support.machine import DEADLINE

FOREIGN = (AsyncClient, AsyncWorker, AsyncAdmin)


class Shell(Protocol):
    """What a scenario asks for; everything it gets is closed at the end."""

    def client(self, *servers: str, **options: Any) -> Client: ...

    def admin(self, server: str, **options: Any) -> Admin: ...

    def worker(self, *servers: str, **options: Any) -> Worker: ...

    def running(self, worker: Worker) -> AbstractContextManager[None]: ...

    def stop(self, worker: Worker) -> None: ...

    def close(self) -> None: ...


class BlockingShell:
    """``geartrain.sync`` as it is; workers run in threads."""

    def __init__(self) -> None:
        self.stack = ExitStack()

    def client(self, *servers: str, **options: Any) -> Client:
        return self.stack.enter_context(Client(servers, **options))

    def admin(self, server: str, **options: Any) -> Admin:
        return self.stack.enter_context(Admin(server, **options))

    def worker(self, *servers: str, **options: Any) -> Worker:
        return self.stack.enter_context(Worker(servers, **options))

    @contextmanager
    def running(self, worker: Worker) -> Iterator[None]:
        thread = threading.Thread(target=worker.run)
        thread.start()
        try:
            yield
        finally:
            worker.stop()
            thread.join(DEADLINE)
            assert not thread.is_alive(), "the worker does not stop"

    def stop(self, worker: Worker) -> None:
        worker.stop()

    def close(self) -> None:
        self.stack.close()


class AsyncShell:
    """``geartrain.aio``, its loop in a thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        self.opened: list[Driven] = []

    def client(self, *servers: str, **options: Any) -> Client:
        return cast(Client, self.open(lambda: AsyncClient(servers, **options)))

    def admin(self, server: str, **options: Any) -> Admin:
        return cast(Admin, self.open(lambda: AsyncAdmin(server, **options)))

    def worker(self, *servers: str, **options: Any) -> Worker:
        return cast(Worker, self.open(lambda: AsyncWorker(servers, **options)))

    def open(self, make: Callable[[], Any]) -> Driven:
        self.opened.append(Driven(self, self.inside(make)))
        return self.opened[-1]

    @contextmanager
    def running(self, worker: Worker) -> Iterator[None]:
        run: Future[None] = asyncio.run_coroutine_threadsafe(cast(Any, worker).driven.run(), self.loop)
        try:
            yield
        finally:
            self.stop(worker)
            run.result(DEADLINE)

    def stop(self, worker: Worker) -> None:
        self.inside(cast(Any, worker).driven.stop)

    def inside(self, call: Callable[[], Any]) -> Any:
        """What a call gives in the loop's thread, awaited where it has to be."""

        async def run() -> Any:
            value = call()
            return await value if inspect.isawaitable(value) else value

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(DEADLINE)

    def face(self, value: Any) -> Any:
        """A value as the blocking shell would give it."""
        if isinstance(value, AsyncIterator):
            return self.iterate(value)
        if isinstance(value, list | tuple | set):
            return (
                type(value)(self.face(item) for item in value) if type(value) in (list, tuple, set) else value
            )
        return Driven(self, value) if type(value).__module__.startswith("geartrain.aio") else value

    def iterate(self, items: AsyncIterator[Any]) -> Iterator[Any]:
        while True:
            try:
                yield self.face(self.inside(items.__anext__))
            except StopAsyncIteration:
                return

    def close(self) -> None:
        try:
            for driven in self.opened:
                driven.close()
        finally:  # else Python would wait for the thread for ever
            self.loop.call_soon_threadsafe(self.loop.stop)
            self.thread.join(DEADLINE)
            self.loop.close()


class Driven:
    """An object of the asyncio shell whose methods block."""

    def __init__(self, shell: AsyncShell, driven: Any) -> None:
        self.shell = shell
        self.driven = driven

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.driven, name)
        if not callable(value):
            return value

        def call(*arguments: Any, **options: Any) -> Any:
            plain = [unwrapped(argument) for argument in arguments]
            return self.shell.face(self.shell.inside(lambda: value(*plain, **options)))

        return call

    def __iter__(self) -> Iterator[Any]:
        return self.shell.iterate(aiter(self.driven))

    def __enter__(self) -> Any:
        return self.shell.face(self.shell.inside(self.driven.__aenter__))

    def __exit__(self, *error: Any) -> None:
        self.shell.inside(lambda: self.driven.__aexit__(*error))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Driven) and other.driven is self.driven

    def __hash__(self) -> int:
        return hash(self.driven)


def unwrapped(argument: Any) -> Any:
    """What is inside of an argument."""
    if isinstance(argument, Driven):
        return argument.driven
    return [unwrapped(item) for item in argument] if isinstance(argument, list) else argument
