"""A worker process as its supervisor sees it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, Process

from geartrain.tasks.plan import Plan


class Child:
    """A process that runs an app's tasks; it leaves by itself when this object's end of the line is closed."""

    def __init__(self, process: Process, lines: asyncio.StreamReader, line: asyncio.StreamWriter) -> None:
        self.process = process
        self.lines = lines
        self.line = line
        self.born = asyncio.get_running_loop().time()

    @classmethod
    async def start(cls, plan: Plan) -> Child:
        """A new process, in a group of its own: Ctrl-C is for the supervisor."""
        ours, theirs = socket.socketpair()
        with theirs:
            # Python takes a file changed twice within a second for unchanged, where it keeps bytecode.
            python = (sys.executable, "-B") if plan.reload else (sys.executable,)
            process = await asyncio.create_subprocess_exec(
                *python,
                "-m",
                "geartrain.tasks.process",
                plan.to_json(),
                str(theirs.fileno()),
                stdin=DEVNULL,
                pass_fds=(theirs.fileno(),),
                process_group=0,
            )
        return cls(process, *await asyncio.open_connection(sock=ours))

    async def problem(self) -> str:
        """Wait until the process is at work; why it is not, in one line, or nothing."""
        line = (await self.lines.readline()).decode()
        if not line:
            return f"the worker process ended: {await self.ended()}"
        return line.strip()

    def age(self) -> float:
        """Seconds since the start."""
        return asyncio.get_running_loop().time() - self.born

    async def ended(self) -> str:
        """Wait for the end, and say how it was; nothing for an end as it should be."""
        status = await self.process.wait()
        self.line.close()
        if status < 0:
            return f"killed by {signal.Signals(-status).name}"
        return f"exit status {status}" if status else ""

    async def stop(self, grace: float) -> None:
        """Let it finish its jobs; after ``grace`` seconds it is killed, and the servers queue them again."""
        self.send(signal.SIGTERM)
        try:
            async with asyncio.timeout(grace):
                await self.ended()
        except TimeoutError:
            self.kill()
            await self.ended()

    def kill(self) -> None:
        """End it at once."""
        self.send(signal.SIGKILL)

    def send(self, number: signal.Signals) -> None:
        """Send a signal, if it is still there."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)
