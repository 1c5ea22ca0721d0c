"""A command that is run for each job: what it is given, what becomes of what it writes, and how it is ended."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from typing import Any, Final, Self

from geartrain.aio.worker_job import AsyncWorkerJob
from geartrain.errors import JobFailed, PayloadError
from geartrain.printable import printable
from geartrain.tasks.child import how_ended

CHUNK: Final = 32768  # bytes that are read at once
COMPLAINT: Final = 4096  # bytes of standard error that a failure tells, the last ones
LAST_LINES: Final = 10  # of them at most
QUIET: Final = 1.0  # seconds without output after which a command that has ended is not listened to any more
LOOK: Final = 0.02  # seconds between two looks at a group of processes that is to end


class CommandFailed(JobFailed):
    """A command could not be run, or ended with a status that is not 0."""


class JobCommand:
    """Runs a command for jobs, each in a process group of its own: Ctrl-C is not for it."""

    def __init__(self, words: Sequence[str], kill_after: float) -> None:
        self.words = words
        self.kill_after = kill_after  # seconds between SIGTERM and SIGKILL

    async def run(self, job: AsyncWorkerJob) -> bytes:
        """What the command writes for a job; raises CommandFailed. It ends with its job."""
        async with Pipe() as output, Pipe() as errors:
            process = await self.start(job, output, errors)
            running = RunningCommand(process, job, self.words[0])
            try:
                status = await running.end(output.reader, errors.reader)
            except BaseException:  # whatever it is, the command must not go on without its job
                await asyncio.shield(end_group(process, self.kill_after))
                raise
        if not status:
            return running.result
        if running.result:
            await job.send_data(running.result)
        complaint = running.complaint()
        raise CommandFailed(
            f"{self.words[0]}: {how_ended(status)}{f': {complaint}' if complaint else ''}", handle=job.handle
        )

    async def start(self, job: AsyncWorkerJob, output: Pipe, errors: Pipe) -> Process:
        """The command, which waits for its workload; raises CommandFailed."""
        environment = {**os.environ, **environment_of(job)}
        try:
            return await asyncio.create_subprocess_exec(
                *self.words,
                stdin=PIPE,
                stdout=output.end,
                stderr=errors.end,
                process_group=0,
                env=environment,
            )
        except OSError as error:
            raise CommandFailed(f"cannot run {self.words[0]}: {error}", handle=job.handle) from error
        finally:
            output.let_go()
            errors.let_go()


class Pipe:
    """What a command writes into; unlike asyncio's own it may be left while another process has it open."""

    def __init__(self) -> None:
        self.reader = asyncio.StreamReader()
        self.end: int | None = None  # for the command; None where it is ours no more

    async def __aenter__(self) -> Self:
        ours, self.end = os.pipe()
        loop = asyncio.get_running_loop()
        protocol = asyncio.StreamReaderProtocol(self.reader)
        self.transport, _ = await loop.connect_read_pipe(lambda: protocol, os.fdopen(ours, "rb", 0))
        return self

    async def __aexit__(self, *error: object) -> None:
        self.let_go()
        self.transport.close()

    def let_go(self) -> None:
        """Leave the other end to the command."""
        if self.end is not None:
            os.close(self.end)
            self.end = None


class RunningCommand:
    """The command of one job, and what it has written so far."""

    def __init__(self, process: Process, job: AsyncWorkerJob, name: str) -> None:
        self.process = process
        self.job = job
        self.name = name
        self.result = b""
        self.errors = b""  # the end of its standard error
        self.heard_at = time.monotonic()

    async def end(self, output: asyncio.StreamReader, errors: asyncio.StreamReader) -> int | None:
        """Give the command its workload, read all that it writes, and wait for its end: its status."""
        giving = asyncio.create_task(self.give())
        whole = asyncio.gather(self.read_result(output), self.read_errors(errors), self.process.wait())
        silence = asyncio.create_task(self.silence())
        try:
            first: set[asyncio.Future[Any]] = {whole, silence}
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
            if whole.done():
                whole.result()
        finally:
            for task in (giving, whole, silence):
                task.cancel()
            await asyncio.gather(giving, whole, silence, return_exceptions=True)
        return self.process.returncode

    async def silence(self) -> None:
        """Wait until the command has ended and nothing is heard: who is left behind may hold its output for ever."""
        while self.process.returncode is None:
            await asyncio.sleep(LOOK)
        self.heard_at = time.monotonic()
        while time.monotonic() < self.heard_at + QUIET:
            await asyncio.sleep(LOOK)

    async def give(self) -> None:
        """Write the workload; a command need not read it."""
        stream = self.process.stdin
        assert stream is not None
        stream.transport.set_write_buffer_limits(0)
        try:
            stream.write(self.job.workload)
            await stream.drain()
        except ConnectionError:
            return
        finally:
            if not stream.transport.is_closing():
                stream.transport.abort()

    async def read_result(self, output: asyncio.StreamReader) -> None:
        """Keep what the command writes to its standard output; raises PayloadError where that is too much."""
        parts: list[bytes] = []
        size, most = 0, self.job.assignment.most
        try:
            while chunk := await output.read(CHUNK):
                self.heard_at = time.monotonic()
                parts.append(chunk)
                size += len(chunk)
                if size > most:
                    raise PayloadError(f"{self.name} wrote over {size} bytes, the server's limit is {most}")
        finally:
            self.result = b"".join(parts)

    async def read_errors(self, errors: asyncio.StreamReader) -> None:
        """Pass on what the command writes to its standard error, line by line, as warnings and to our own."""
        rest = b""
        while chunk := await errors.read(CHUNK):
            self.heard_at = time.monotonic()
            self.errors = (self.errors + chunk)[-COMPLAINT:]
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                await self.warn(line + b"\n")
            if len(rest) >= CHUNK:
                await self.warn(rest)
                rest = b""
        if rest:
            await self.warn(rest)

    async def warn(self, line: bytes) -> None:
        """Pass on a line of standard error."""
        print(printable(line.rstrip(b"\n")), file=sys.stderr, flush=True)
        for start in range(0, len(line), CHUNK):
            await self.job.send_warning(line[start : start + CHUNK])

    def complaint(self) -> str:
        """The last lines of standard error."""
        lines = self.errors.decode("utf-8", "replace").rstrip().splitlines()
        return "\n".join(lines[-LAST_LINES:])


async def end_group(process: Process, kill_after: float) -> None:
    """End a process and those that it has started: by SIGTERM, and by SIGKILL if they are still there later."""
    deadline = time.monotonic() + kill_after
    tell_group(process.pid, signal.SIGTERM)
    while time.monotonic() < deadline and tell_group(process.pid, 0):
        await asyncio.sleep(LOOK)
    tell_group(process.pid, signal.SIGKILL)
    await process.wait()


def tell_group(group: int, number: int) -> bool:
    """Send a signal to a group of processes; False where nobody is in it any more."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    return True


def environment_of(job: AsyncWorkerJob) -> dict[str, str]:
    """What a command finds in its environment about its job."""
    about = {
        "GEARTRAIN_HANDLE": os.fsdecode(job.assignment.handle),
        "GEARTRAIN_FUNCTION": os.fsdecode(job.assignment.function),
        "GEARTRAIN_UNIQUE": os.fsdecode(job.assignment.unique),
        "GEARTRAIN_ATTEMPT": str(job.attempt),
    }
    if job.deadline is not None:
        about["GEARTRAIN_DEADLINE"] = f"{job.deadline:.3f}"
    return about
