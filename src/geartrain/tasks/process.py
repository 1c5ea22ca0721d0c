"""A worker process of ``geartrain worker module:app``: started by the supervisor, with its plan as the argument.

On the descriptor that the second argument names, the process writes a line when it has imported the app: an empty
one, or why it could not. When the supervisor's end of it closes, the process finishes its jobs and leaves.
The third argument is a descriptor of the memory in which the supervisor reads what the process runs.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import resource
import select
import socket
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Final

from geartrain.aio.worker import AsyncWorker
from geartrain.errors import SettingsError
from geartrain.failures import is_from_outside, one_line
from geartrain.jobs import nothing
from geartrain.sync.worker import Worker
from geartrain.tasks.app import App
from geartrain.tasks.loading import ImportFailed, load
from geartrain.tasks.plan import Plan, log_to_stderr
from geartrain.tasks.runs import Runs

NOT_NOW: Final = 1  # exit status of a process that could not do what it should
MISUSED: Final = 2  # exit status of a process whose app is not there
LOOK: Final = 0.1  # seconds between two looks at the jobs that run
CHECK: Final = 0.5  # seconds between two looks at the limits
ORPHANED: Final = "the supervisor is gone"
LIFETIME_JITTER: Final = (
    0.1  # part of the lifetime that a process may be short of, so that not all go at once
)
KIBIBYTE: Final = 1024
STATM: Final = Path("/proc/self/statm")

log: Final = logging.getLogger("geartrain.tasks")


def main(plan: Plan, supervisor: socket.socket, runs: Runs) -> int:
    """Run the app's tasks until a signal or a limit; the process's exit status."""
    try:
        app = load(plan.app)
    except SettingsError as error:
        supervisor.sendall(f"{error}\n".encode("utf-8", "backslashreplace"))
        return NOT_NOW if isinstance(error, ImportFailed) else MISUSED
    log_to_stderr()
    if plan.servers is not None:
        app.own_pool.servers = plan.servers
    if plan.tls is not None:
        app.own_pool.tls = plan.tls
    supervisor.sendall(b"\n")
    log.info("%s: %s", plan.app, ", ".join(app.definitions))
    warden = Warden(plan, supervisor, runs)
    if plan.concurrency == 1 and not any(each.is_async for each in app.definitions.values()):
        run_blocking(app, plan, warden)
    else:
        run_to_the_end(run_on_a_loop(app, plan, warden))
    runs.leave()
    return 0


def run_to_the_end(coroutine: Coroutine[None, None, None]) -> None:
    """Run a coroutine on a loop; what a task of a function's own raises to end the loop does not end it."""
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        whole = loop.create_task(coroutine)
        while True:
            try:
                return loop.run_until_complete(whole)
            except (
                SystemExit,
                KeyboardInterrupt,
                RuntimeError,
            ) as error:  # the last where it stopped the loop
                if whole.done() or is_from_outside(error):
                    raise
                log.error(
                    "a job's function, or a task of its own, tried to end the loop: %s", one_line(error)
                )


def run_blocking(app: App, plan: Plan, warden: Warden) -> None:
    """One job at a time."""
    worker = Worker(
        app.own_pool.servers, max_jobs=plan.max_jobs, tls=app.own_pool.tls, token=app.own_pool.token
    )
    app.add_to(worker)
    worker.board = warden.runs
    warden.watch(worker.stop, worker.look)
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
    worker.board = warden.runs
    warden.watch(lambda: loop.call_soon_threadsafe(worker.stop), nothing)
    await worker.run()
    await app.aclose()
    app.close()


class Warden:
    """Watches over the worker in a thread of its own: which of its jobs were taken away, and when it is to stop.

    It stops when it has lived long enough, has grown too large, or the supervisor is gone. In the last case the
    process ends at once after the time that running jobs get.
    """

    def __init__(self, plan: Plan, supervisor: socket.socket, runs: Runs) -> None:
        self.plan = plan
        self.supervisor = supervisor
        self.runs = runs
        self.end = float("inf")  # of the process's lifetime, by the monotonic clock
        if plan.max_lifetime is not None:
            self.end = time.monotonic() + plan.max_lifetime * (1 - LIFETIME_JITTER * random.random())

    def watch(self, stop: Callable[[], object], look: Callable[[], object]) -> None:
        """Begin: ``look`` finds out which jobs were taken away, ``stop`` is called once."""
        threading.Thread(target=self.work, args=(stop, look), name="geartrain-warden", daemon=True).start()

    def work(self, stop: Callable[[], object], look: Callable[[], object]) -> None:
        """Look again and again, for a reason to stop, too, until there is one."""
        reason = ""
        next_check = 0.0
        while reason != ORPHANED:
            readable, _, _ = select.select([self.supervisor], [], [], LOOK)
            look()
            self.runs.mark()
            now = time.monotonic()
            if not readable and (reason or now < next_check):
                continue
            next_check = now + CHECK
            before, reason = reason, ORPHANED if readable else self.reached()
            if reason and not before:
                log.info("stopping: %s", reason)
                stop()
        time.sleep(self.plan.grace)
        os._exit(NOT_NOW)

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
    plan = Plan.from_json(sys.argv[1])
    memory = Runs(int(sys.argv[3]), plan.concurrency)
    sys.exit(main(plan, socket.socket(fileno=int(sys.argv[2])), memory))
