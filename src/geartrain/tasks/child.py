"""A worker process as its supervisor sees it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
import time
from asyncio.subprocess import DEVNULL, Process
from typing import Final

from geartrain.tasks.plan import Plan
from geartrain.tasks.process import MISUSED
from geartrain.tasks.runs import Run, Runs, named, new_memory

LOOK: Final = 0.1  # seconds between two looks at a process
PATIENCE: Final = 0.3  # seconds that a process may run lost jobs only, before another one helps out

log: Final = logging.getLogger("geartrain.supervisor")


class Child:
    """A process that runs an app's tasks; it leaves by itself when this object's end of the line is closed."""

    def __init__(
        self,
        plan: Plan,
        process: Process,
        runs: Runs,
        lines: asyncio.StreamReader,
        line: asyncio.StreamWriter,
    ) -> None:
        self.plan = plan
        self.process = process
        self.runs = runs
        self.lines = lines
        self.line = line
        self.told = False  # that it is to stop
        self.has_spoken = False  # about its start
        self.named: set[int] = set()  # runs that the log has told of
        self.born = time.monotonic()
        self.start = asyncio.create_task(self.wait_for_start())

    @classmethod
    async def begin(cls, plan: Plan) -> Child:
        """A new process, in a group of its own: Ctrl-C is for the supervisor. Raises OSError."""
        ours, theirs = socket.socketpair()
        memory = new_memory(plan.concurrency)
        try:
            with theirs:
                # Python takes a file changed twice within a second for unchanged, where it keeps bytecode.
                python = (sys.executable, "-B") if plan.reload else (sys.executable,)
                process = await asyncio.create_subprocess_exec(
                    *python,
                    "-m",
                    "geartrain.tasks.process",
                    plan.to_json(),
                    str(theirs.fileno()),
                    str(memory),
                    stdin=DEVNULL,
                    pass_fds=(theirs.fileno(), memory),
                    process_group=0,
                )
            runs = Runs(memory, plan.concurrency)
        except OSError:
            ours.close()
            raise
        finally:
            os.close(memory)
        return cls(plan, process, runs, *await asyncio.open_connection(sock=ours))

    async def problem(self) -> str:
        """Wait until the process is at work; why it is not, in one line, or nothing."""
        return await asyncio.shield(self.start)

    async def wait_for_start(self) -> str:
        try:
            async with asyncio.timeout(self.plan.start_timeout):
                line = await self.lines.readline()
        except TimeoutError:
            self.kill()
            await self.process.wait()
            return f"cannot import {self.plan.app!r}: not done in {self.plan.start_timeout:g} s"
        self.has_spoken = bool(line)
        if not line:
            return f"cannot import {self.plan.app!r}: its process ended with {how_ended(await self.process.wait())}"
        return line.decode("utf-8", "replace").strip()

    async def is_misused(self) -> bool:
        """Whether the process that has a problem was asked for an app that there is not."""
        return await self.process.wait() == MISUSED and self.has_spoken

    def age(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.born

    def lost(self, patience: float) -> list[Run]:
        """Jobs that were taken away from the process so many seconds ago, and that it runs all the same."""
        if self.process.returncode is not None:
            return []
        before = time.monotonic() - patience
        return [run for run in self.runs.read() if run.lost_at <= before]

    def is_full_of_lost(self, patience: float) -> bool:
        """Whether the process can do nothing else than run such jobs."""
        return len(self.lost(patience)) == self.plan.concurrency

    def is_free(self) -> bool:
        """Whether the process can do what its jobs need, or soon will."""
        return self.process.returncode is None and not self.is_full_of_lost(PATIENCE)

    async def ended(self) -> str:
        """Wait for the end, and say how it was; nothing for an end as it should be."""
        status = await self.process.wait()
        self.line.close()
        if self.start.done() and self.start.result():
            return self.start.result()
        if status == 0 and (self.runs.is_leaving() or self.told):
            return ""
        runs = self.runs.read()
        return how_ended(status) + (f", while it ran {named(runs, time.monotonic())}" if runs else "")

    async def stop(self) -> None:
        """Let it finish its jobs; it is killed when their time is over, or nothing is left but what was taken away."""
        if not self.told:
            self.told = True
            self.send(signal.SIGTERM)
        ended = asyncio.create_task(self.ended())
        end = time.monotonic() + self.plan.grace
        while not ended.done():
            await asyncio.wait([ended], timeout=LOOK)
            lost = self.lost(self.plan.kill_after)
            if lost and len(lost) == len(self.runs.read()):
                self.tell_of_lost("is killed")
                self.kill()
            elif time.monotonic() >= end:
                self.kill()
        await ended

    def tell_of_lost(self, what: str) -> None:
        """Log the jobs for which a process is replaced or killed, each once."""
        for run in self.lost(self.plan.kill_after):
            if run.number not in self.named:
                self.named.add(run.number)
                log.error(
                    "%s %s, and still runs %g s after that: process %d %s",
                    run.named(time.monotonic()),
                    run.reason,
                    self.plan.kill_after,
                    self.process.pid,
                    what,
                )

    def kill(self) -> None:
        """End it at once, and what it has started."""
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def send(self, number: signal.Signals) -> None:
        """Send a signal, if it is still there."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)


def how_ended(status: int) -> str:
    """How a process ended, by its exit status; signals are negative."""
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:  # real-time signals have no names of their own
        first = getattr(signal, "SIGRTMIN", 0)
        return f"killed by {f'SIGRTMIN+{-status - first}' if 0 < first <= -status else f'signal {-status}'}"
