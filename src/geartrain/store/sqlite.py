"""The store in an SQLite file: the server's end of the process that has it."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from geartrain.broker.batch import Batch, DeadRecord, Document, JobRecord, Kept, Outcome, ResultRecord
from geartrain.broker.rows import row_of
from geartrain.errors import StoreError
from geartrain.store.messages import CLOSE, COMMIT, LOAD, NEXT, RECEIVE_SIZE, packed, unpacked
from geartrain.store.new_file import sync
from geartrain.store.ports import Renewed
from geartrain.store.schema import owner_of
from geartrain.store.watch import Watch

START_PATIENCE: Final = 60.0  # seconds that opening the file may take: a long log may have to be read first
ENDS: Final = ("", "-wal", "-shm", "-journal", ".lock", ".reserve")  # of the names of the files of a store
END_PATIENCE: Final = 10.0  # seconds


class SQLiteStore:
    """Jobs in a file at ``path``; raises StoreError where that cannot be used.

    ``durability`` is "full" (what is acknowledged survives the machine's end) or "fast" (it survives the server's).
    Workloads of up to ``memory`` bytes in all are loaded at the start. The file is ``user``'s, if that is not empty.
    A ``silent`` process of it says nothing to the terminal, not even why it fails by a mistake of ours.
    """

    def __init__(
        self,
        path: str,
        durability: str = "full",
        memory: int = 1 << 30,
        user: str = "",
        silent: bool = False,
    ) -> None:
        self.path = path
        self.durability = durability
        self.memory = memory
        self.user = user
        self.silent = silent
        self.received = bytearray()  # the beginning of an answer
        self.answers: deque[Any] = deque()
        self.news: asyncio.Future[None] | None = None  # None before anybody has waited for an answer
        self.watch: Watch | None = None  # None before the first process has the file
        self.is_running = False
        self.is_watched = False  # the loop calls ``receive``
        self.start()

    def start(self) -> None:
        """Begin the process, and wait until it has the file; raises StoreError.

        A later process takes the file of the first one only: it would make a new one, as if no job were there.
        """
        lost = "" if self.watch is None else self.watch.lost()
        if lost:
            raise StoreError(lost)
        self.received.clear()
        self.answers.clear()
        self.socket, its_end = socket.socketpair()
        with its_end:
            arguments = [str(its_end.fileno()), self.path, self.durability, str(os.getpid()), self.user]
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "geartrain.store.writer", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL if self.silent else None,
                pass_fds=(its_end.fileno(),),
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
        self.socket.settimeout(START_PATIENCE)
        try:
            hindrance = self.first_answer()
        except OSError as error:
            hindrance = f"cannot use {self.path}: {error}"
        if hindrance:
            self.end()
            raise StoreError(hindrance)
        self.socket.setblocking(False)
        self.is_running = True
        if self.watch is None:
            self.watch = Watch(os.path.realpath(self.path), ("",))

    def first_answer(self) -> str:
        """Why the file cannot be used; empty when it can."""
        while chunk := self.socket.recv(RECEIVE_SIZE):
            self.received += chunk
            for answer in unpacked(self.received):
                return str(answer)
        return f"cannot use {self.path}: the process for it ended at once"

    async def load(self) -> AsyncIterator[Kept]:
        """All that outlived the last process, in parts."""
        await self.ask(LOAD, self.memory, os.getpid())
        await self.ask(NEXT)
        while True:
            error, part = await self.answer()
            if error:
                raise StoreError(error)
            if not part:
                return
            await self.ask(NEXT)  # it is read while this one is queued
            yield kept_of(*part)

    def commit(self, batch: Batch) -> Awaitable[Outcome]:
        """Have all of a batch kept or none of it, and what it wants read; it is on its way when this returns."""
        request = packed((COMMIT, changes_of(batch), list(batch.wanted)))
        return self.finish(request, self.send(request))

    def send(self, request: bytes) -> int:
        """How many bytes of a request the process takes at once."""
        try:
            return self.socket.send(request)
        except OSError:  # it is busy, or gone
            return 0

    async def finish(self, request: bytes, sent: int) -> Outcome:
        """Wait for what comes of a commit; in a new process, if the last one has ended."""
        try:
            await self.send_rest(request[sent:] if sent else request)
            return Outcome(*await self.answer())
        except StoreError:
            await asyncio.to_thread(self.start)
            await self.send_rest(
                request
            )  # nothing is done twice: rows are replaced, and removed where they are
            return Outcome(*await self.answer())

    async def renew(self, content: Iterator[Batch], last_number: int) -> Renewed:
        """Write batches into a new file in place of a lost one; the process that has that gives what only it has."""
        path = os.path.realpath(self.path)
        draft = f"{path}.new"
        gone = self.watch is not None and bool(self.watch.lost())
        if gone and owner_of(path):
            raise StoreError(f"another server uses what is at {path} now")
        await asyncio.to_thread(remove_all, draft)
        new = await asyncio.to_thread(SQLiteStore, draft, self.durability, 0, self.user, self.silent)
        try:
            jobs, lost = await self.fill(new, content)
            await new.close(last_number)
            self.abandon()
            return Renewed(jobs, lost, await asyncio.to_thread(self.take_place, path, draft))
        except OSError as error:
            raise StoreError(f"cannot write {path}: {error.strerror}") from None
        finally:
            new.end()
            await asyncio.to_thread(remove_all, draft)

    async def fill(self, new: SQLiteStore, content: Iterator[Batch]) -> tuple[int, list[int]]:
        """How many jobs a new store has of the batches, and which it has not; raises StoreError."""
        jobs = 0
        lost: list[int] = []
        for batch in content:
            missing = [record.number for record in batch.records if record.workload is None]
            found = await self.workloads(missing) if missing else {}
            lost += [number for number in missing if found.get(number) is None]
            batch.records = [
                record if record.workload is not None else record._replace(workload=found.get(record.number))
                for record in batch.records
            ]
            batch.records = [record for record in batch.records if record.workload is not None]
            jobs += len(batch.records)
            outcome = await new.commit(batch)
            if outcome.error:
                raise StoreError(outcome.error)
        return jobs, lost

    async def workloads(self, numbers: list[int]) -> Mapping[int, bytes | None]:
        """Workloads that the file has, also where it has no name any more; nothing where its process has ended."""
        wanted = Batch()
        wanted.wanted.update(dict.fromkeys(numbers))
        try:
            return (await self.commit(wanted)).workloads
        except StoreError:
            return {}

    def take_place(self, path: str, draft: str) -> str:
        """Use the new file from now on; where the one is that stood in its place. Raises OSError and StoreError."""
        self.process.wait()
        aside = put_aside(path)
        os.rename(draft, path)
        sync(Path(path).parent)
        self.watch = None
        self.start()
        return aside

    async def close(self, last_number: int) -> None:
        """Let go of the file."""
        if self.watch is not None and self.watch.lost():
            self.process.kill()  # see ``abandon``
        try:
            await self.ask(CLOSE, last_number)
            await self.answer()
        except StoreError:
            return  # there is no process: the file is closed
        finally:
            self.end()

    def abandon(self) -> None:
        """End the process at once.

        It must not close the file: SQLite would remove the log by its name, and that may be another file's by now.
        """
        self.process.kill()
        self.hang_up()

    def hang_up(self) -> None:
        self.is_running = False
        if self.is_watched:
            self.is_watched = False
            asyncio.get_running_loop().remove_reader(self.socket)
        self.socket.close()

    def end(self) -> None:
        """End the process: it does so by itself when nobody is at the other end any more."""
        self.hang_up()
        try:
            self.process.wait(END_PATIENCE)
        except subprocess.TimeoutExpired:  # the disk may not answer: what is committed is safe
            self.process.kill()

    async def ask(self, *request: object) -> None:
        """Send a request; raises StoreError where the process is gone."""
        await self.send_rest(packed(request))

    async def send_rest(self, packets: bytes) -> None:
        """Send bytes as the process takes them; raises StoreError where it is gone."""
        if not self.is_running:
            raise StoreError(f"the process that keeps {self.path} has ended")
        if packets:
            try:
                await asyncio.get_running_loop().sock_sendall(self.socket, packets)
            except OSError as error:
                raise self.lost() from error

    async def answer(self) -> Any:
        """The next answer; raises StoreError where the process is gone."""
        loop = asyncio.get_running_loop()
        if not self.is_watched:
            self.is_watched = True
            loop.add_reader(self.socket, self.receive)
        while not self.answers:
            if not self.is_running:
                raise self.lost()
            self.news = loop.create_future()
            await self.news
        return self.answers.popleft()

    def receive(self) -> None:
        """The process has said something, or has ended."""
        try:
            chunk = self.socket.recv(RECEIVE_SIZE)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        if chunk:
            self.received += chunk
            self.answers.extend(unpacked(self.received))
        else:
            self.end()
        if self.news is not None and not self.news.done() and (self.answers or not self.is_running):
            self.news.set_result(None)

    def lost(self) -> StoreError:
        """The exception for the end of the process; the next commit begins another one."""
        self.end()
        return StoreError(
            f"the process that keeps {self.path} has ended, with status {self.process.returncode}"
        )


def remove_all(path: str) -> None:
    """Remove a file of jobs, and all that is beside it."""
    for end in ENDS:
        Path(path + end).unlink(missing_ok=True)


def put_aside(path: str) -> str:
    """Give another name to the file at a path and to SQLite's log of it; the name, empty where there was none."""
    aside = f"{path}.aside-{time.strftime('%Y%m%dT%H%M%S')}"
    found = ""
    for end in ENDS[:2]:
        if os.path.lexists(path + end):
            os.rename(path + end, aside + end)
            found = aside
    Path(path + ENDS[2]).unlink(missing_ok=True)
    return found


def changes_of(batch: Batch) -> tuple[Any, ...]:
    """A sealed batch as it travels: the fields of ``database.Changes``."""
    return (
        [row_of(record) for record in batch.records],
        [row_of(record)[1::-1] for record in batch.changes],
        batch.removed,
        plain(batch.buried.values()),
        list(batch.exhumed),
        plain(batch.results),
        list(batch.forgotten),
        plain(batch.documents.values()),
        batch.last_number,
    )


def plain(records: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Records as what they are made of."""
    return [tuple(record) for record in records]


def kept_of(
    jobs: list[tuple[Any, ...]],
    dead: list[tuple[Any, ...]],
    results: list[tuple[Any, ...]],
    documents: list[tuple[Any, ...]],
    last_number: int,
    notices: list[str],
    damaged: list[str],
) -> Kept:
    """A part as the broker takes it."""
    return Kept(
        [JobRecord(*job) for job in jobs],
        [DeadRecord(*letter) for letter in dead],
        [ResultRecord(*result) for result in results],
        [Document(*document) for document in documents],
        last_number,
        notices,
        damaged,
    )
