"""A worker process of ``geartrain worker module:app``: started by the supervisor, with its plan as the argument.

On the descriptor that the second argument names, the process writes a line when it has imported the app: an empty
one, or why it could not. When the supervisor's end of it closes, the process finishes its jobs and leaves.
"""

from __future__ import annotations

import asyncio
import logging
import random
import resource
import select
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from geartrain.aio.worker import AsyncWorker
from geartrain.errors import SettingsError
from geartrain.sync.worker import Worker
from geartrain.tasks.app import App
from geartrain.tasks.loading import load
from geartrain.tasks.plan import Plan, log_to_stderr

CHECK: Final = 0.5  # seconds between two looks at the limits
LIFETIME_JITTER: Final = (
    0.1  # part of the lifetime that a process may be short of, so that not all go at once
)
KIBIBYTE: Final = 1024
STATM: Final = Path("/proc/self/statm")

log: Final = logging.getLogger("geartrain.tasks")


def main(plan: Plan, supervisor: socket.socket) -> int:
    """Run the app's tasks until a signal or a limit; the process's exit status."""
    try:
        app = load(plan.app)
    except SettingsError as error:
        supervisor.sendall(f"{error}\n".encode())
        return 1
    log_to_stderr()
    if plan.servers is not None:
        app.own_pool.servers = plan.servers
    if plan.tls is not None:
        app.own_pool.tls = plan.tls
    supervisor.sendall(b"\n")
    log.info("%s: %s", plan.app, ", ".join(app.definitions))
    warden = Warden(plan, supervisor)
    if plan.concurrency == 1 and not any(each.is_async for each in app.definitions.values()):
        run_blocking(app, plan, warden)
    else:
        asyncio.run(run_on_a_loop(app, plan, warden))
    return 0


def run_blocking(app: App, plan: Plan, warden: Warden) -> None:
    """One job at a time."""
    worker = Worker(
        app.own_pool.servers, max_jobs=plan.max_jobs, tls=app.own_pool.tls, token=app.own_pool.token
    )
    app.add_to(worker)
    warden.watch(worker.stop)
    worker.run()
    app.close()


async def run_on_a_loop(app: App, plan: Plan, warden: Warden) -> None:
    """Several jobs at a time: coroutine functions on the loop, plain functions in threads."""
    loop = asyncio.get_running_loop()
    worker = AsyncWorker(
        app.own_pool.servers,
        concurrency=plan.concurrency,
        max_jobs=plan.max_jobs,
        tls=app.own_pool.tls,
        token=app.own_pool.token,
    )
    app.add_to(worker)
    warden.watch(lambda: loop.call_soon_threadsafe(worker.stop))
    await worker.run()
    await app.aclose()
    app.close()


class Warden:
    """Stops the worker when it has lived long enough, has grown too large, or the supervisor is gone."""

    def __init__(self, plan: Plan, supervisor: socket.socket) -> None:
        self.plan = plan
        self.supervisor = supervisor
        self.end = float("inf")  # of the process's lifetime, by the monotonic clock
        if plan.max_lifetime is not None:
            self.end = time.monotonic() + plan.max_lifetime * (1 - LIFETIME_JITTER * random.random())

    def watch(self, stop: Callable[[], object]) -> None:
        """Look in a thread, and call ``stop`` once."""
        threading.Thread(target=self.look, args=(stop,), name="geartrain-warden", daemon=True).start()

    def look(self, stop: Callable[[], object]) -> None:
        """Wait for a reason to stop."""
        while True:
            readable, _, _ = select.select([self.supervisor], [], [], CHECK)
            reason = "the supervisor is gone" if readable else self.reached()
            if reason:
                log.info("stopping: %s", reason)
                stop()
                return

    def reached(self) -> str:
        """The limit that is reached; empty where none is."""
        if time.monotonic() >= self.end:
            return f"{self.plan.max_lifetime:g} s of life are over"
        if self.plan.max_rss is not None and resident() > self.plan.max_rss:
            return f"{resident()} bytes of memory are more than {self.plan.max_rss}"
        return ""


def resident() -> int:
    """Bytes of memory that this process has now; where the system does not say, the most that it ever had."""
    if STATM.exists():
        return int(STATM.read_text().split()[1]) * resource.getpagesize()
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * KIBIBYTE


if __name__ == "__main__":
    sys.exit(main(Plan.from_json(sys.argv[1]), socket.socket(fileno=int(sys.argv[2]))))
