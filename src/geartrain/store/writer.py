"""The process that has the database: it does what the server asks over a socket, one thing after the other.

It is a process and not a thread, because a thread that calls SQLite needs Python's lock again and again, and waits up
to 5 ms for it each time while the server is busy. It ends when the server does, after what it has begun.
"""

from __future__ import annotations

import gc
import os
import shutil
import signal
import socket
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from geartrain.broker.batch import Kept
from geartrain.errors import StoreError
from geartrain.store.database import Changes, Database
from geartrain.store.messages import CLOSE, COMMIT, LOAD, NEXT, RECEIVE_SIZE, packed, unpacked
from geartrain.store.schema import UMASK
from geartrain.store.upgrade import upgrade
from geartrain.user import become

END_OF_PARTS: Final = "", ()
REFUSAL: Final = "the job store cannot keep jobs"


def main() -> None:
    """Serve the server whose socket is the file descriptor in the arguments."""
    descriptor, path, durability, owner, user = sys.argv[1:]
    # The server says when to end: what a terminal or a service manager tells the whole group is for the server.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    os.umask(UMASK)
    link = Link(socket.socket(fileno=int(descriptor)))
    try:
        make_folder(Path(path).parent, user)
        become(user)  # only now: it may be out of reach for the user where Python's files are
        database = Database(path, durability, int(owner))
    except (StoreError, OSError, sqlite3.Error) as error:
        link.say(str(error) if isinstance(error, StoreError) else f"cannot use {path}: {error}")
        return
    link.say("")
    gc.disable()  # nothing here makes circles of references, and a large batch has many objects
    serve(link, database)


def make_folder(folder: Path, user: str) -> None:
    """Make the folder of the file, the user's, if it is not there."""
    if folder.is_dir():
        return
    folder.mkdir(parents=True, mode=0o750)
    if user:
        shutil.chown(folder, user)


def serve(link: Link, database: Database) -> None:
    """Do what is asked until the server is gone or closes."""
    parts: Iterator[tuple[Any, ...]] = iter(())
    for verb, *arguments in link.requests():
        if verb == COMMIT:
            link.say(commit(database, *arguments))
        elif verb == LOAD:
            memory, owner = arguments
            database.lock.sign(owner)  # a daemon has another process id by now
            parts = load(database, memory)
        elif verb == NEXT:
            link.say(next(parts, END_OF_PARTS))
        elif verb == CLOSE:
            return link.say(close(database, *arguments))


def commit(
    database: Database, changes: tuple[Any, ...], wanted: list[int]
) -> tuple[str, bool, dict[int, bytes | None]]:
    """The fields of an Outcome: why jobs were not kept, whether the rest was, and the workloads that are wanted.

    A batch without changes asks whether jobs could be kept.
    """
    error, partly = database.keep(Changes(*changes)) if any(changes) else (database.fault(), True)
    return f"{REFUSAL}: {error}" if error else "", partly, database.workloads(wanted)


def load(database: Database, memory: int) -> Iterator[tuple[Any, ...]]:
    """All there is, in parts of plain tuples, each with an error before it, which is the last part."""
    try:
        upgraded = upgrade(database)
        if upgraded:
            yield "", plain(Kept(notices=[upgraded]))
        for kept in database.load(memory):
            yield "", plain(kept)
    except sqlite3.Error as error:
        advice = " (geartrain export saves what can be read)" if type(error) is sqlite3.DatabaseError else ""
        yield f"cannot read {database.path}: {error}{advice}", ()


def plain(kept: Kept) -> tuple[Any, ...]:
    """A part as it travels."""
    rows = ([tuple(row) for row in part] for part in kept[:4])
    return *rows, kept.last_number, kept.notices, kept.damaged


def close(database: Database, last_number: int) -> str:
    """Let go of the file; why that went wrong, or nothing."""
    try:
        database.close(last_number)
    except sqlite3.Error as error:
        return str(error)
    return ""


class Link:
    """Objects over a socket: each as its length and what ``marshal`` makes of it."""

    def __init__(self, endpoint: socket.socket) -> None:
        self.endpoint = endpoint

    def say(self, answer: object) -> None:
        """Answer; a server that is gone does not hear it."""
        try:
            self.endpoint.sendall(packed(answer))
        except ConnectionError:
            return

    def requests(self) -> Iterator[tuple[Any, ...]]:
        """What is asked, until the server is gone."""
        received = bytearray()
        while chunk := self.receive():
            received += chunk
            yield from unpacked(received)

    def receive(self) -> bytes:
        try:
            return self.endpoint.recv(RECEIVE_SIZE)
        except ConnectionError:
            return b""


if __name__ == "__main__":
    main()
