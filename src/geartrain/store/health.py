"""What is wrong with a file of jobs, and what to do about it."""

from __future__ import annotations

import os
import pwd
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from geartrain.errors import StoreError
from geartrain.store.checksums import named
from geartrain.store.dump import others_set_aside, set_aside
from geartrain.store.mounts import Mount, mount_of, mounts
from geartrain.store.reserve import LITTLE_SPACE
from geartrain.store.schema import VERSION, owner_of, process_of
from geartrain.store.snapshot import snapshot

OK: Final = "ok"
WARNING: Final = "warning"
PROBLEM: Final = "problem"

NAMES: Final = 20  # of rows set aside
REASONS: Final = 5  # that are told of rows set aside


class Finding(NamedTuple):
    """One thing that was looked at."""

    mark: str
    subject: str
    text: str
    advice: str = ""  # what to do; empty where nothing is to be done


def examine(path: str) -> Iterator[Finding]:
    """Look at a file of jobs, which a server may use meanwhile."""
    if not Path(path).parent.is_dir() or not os.path.lexists(path):
        yield Finding(
            WARNING,
            "store",
            f"there is no file {path}: no server has kept jobs there",
            "name another one with --store sqlite:PATH, or start a server",
        )
        return
    yield from examine_place(path)
    try:
        with snapshot(path) as connection:
            yield from examine_content(connection, path)
    except StoreError as error:
        yield Finding(PROBLEM, "store", str(error), advice_for(path))


def advice_for(path: str) -> str:
    """What to do about a file that cannot be read."""
    if os.access(path, os.R_OK) and os.access(Path(path).parent, os.W_OK):
        return "keep a copy of it, and start the server with another file or with a backup"
    return f"ask as its user, {owner_name(path)}, or as root"


def owner_name(path: str) -> str:
    """Whose the file is."""
    try:
        user = os.stat(path).st_uid
    except OSError:
        return "who may see the folder"
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)


# Where it is


def examine_place(path: str) -> Iterator[Finding]:
    yield examine_mount(mount_of(path, mounts()))
    yield examine_space(path)
    try:
        owner = owner_of(path)
    except StoreError as error:
        yield Finding(WARNING, "owner", str(error), f"ask as its user, {owner_name(path)}, or as root")
        return
    yield Finding(OK, "owner", f"in use by a server{process_of(owner)}" if owner else "in use by no server")
    names = os.stat(path).st_nlink
    if names > 1:
        yield Finding(
            WARNING,
            "names",
            f"the file has {names} names (hard links), and SQLite's log is beside one of them only",
            "use it by one name, and remove the others",
        )


def examine_mount(mount: Mount) -> Finding:
    where = f"{mount.kind}, mounted at {mount.folder}"
    if mount.is_network:
        return Finding(
            PROBLEM,
            "file system",
            f"{where}: neither SQLite's locks nor its shared memory work over a network",
            "keep the file on a disk of this machine: --store sqlite:PATH",
        )
    if mount.is_fleeting:
        return Finding(
            WARNING,
            "file system",
            f"{where}: the file ends with the machine or the container",
            "keep the file on a disk or a volume: --store sqlite:PATH",
        )
    return Finding(OK, "file system", where)


def examine_space(path: str) -> Finding:
    size = size_of(path)
    free = shutil.disk_usage(Path(path).parent).free
    text = f"{in_mib(size)} in the file, {in_mib(free)} free on its disk"
    if free < LITTLE_SPACE:
        return Finding(PROBLEM, "space", text, "make room: a server without it refuses background jobs")
    if free < size:
        return Finding(WARNING, "space", text, "make room: a backup on this disk does not fit")
    return Finding(OK, "space", text)


def size_of(path: str) -> int:
    """Bytes of the file and of the log beside it."""
    files = [Path(path), Path(f"{path}-wal")]
    return sum(file.stat().st_size for file in files if file.exists())


def in_mib(size: int) -> str:
    return f"{size / 1024 / 1024:,.1f} MiB"


# What is in it


def examine_content(connection: sqlite3.Connection, path: str) -> Iterator[Finding]:
    yield Finding(OK, "store", f"{path}, version {VERSION} of its form")
    yield Finding(OK, "SQLite", sqlite3.sqlite_version)
    damage = [row[0] for row in connection.execute("PRAGMA quick_check(3)")]
    if damage != ["ok"]:
        yield Finding(
            PROBLEM,
            "integrity",
            f"the file is damaged: {'; '.join(damage)}",
            "stop the server, save what can be read with geartrain export, and import it into a new file",
        )
    else:
        yield Finding(OK, "integrity", "SQLite finds no damage")
    jobs, dead, results, documents = (
        connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        for table in ("job", "dead", "result", "document WHERE kind IN ('policy', 'schedule')")
    )
    kept = (
        f"jobs: {jobs - dead}, dead letters: {dead}, results: {results}, policies and schedules: {documents}"
    )
    yield Finding(OK, "content", kept)
    yield from examine_rows_aside(connection)


def examine_rows_aside(connection: sqlite3.Connection) -> Iterator[Finding]:
    rows = [(named(row.number, row.head), row.reason) for row in set_aside(connection)]
    if rows:
        told = f"{len(rows)} rows are no jobs, and in nobody's way: {summary(rows)}"
        yield Finding(WARNING, "set aside", told, "look at them: geartrain export --set-aside")
    others = [(row.name(), row.reason) for row in others_set_aside(connection)]
    if others:
        told = f"{len(others)} other rows cannot be read, and are in nobody's way: {summary(others)}"
        yield Finding(WARNING, "set aside", told, "look at them: geartrain store damaged")


def summary(rows: list[tuple[str, str]]) -> str:
    """Why rows are set aside, the most common reasons first, and which rows they are."""
    reasons = Counter(reason for _, reason in rows).most_common(REASONS)
    told = "; ".join(f"{number} times {reason}" for reason, number in reasons)
    names = ", ".join(name for name, _ in rows[:NAMES])
    return f"{told} ({names}{', ...' if len(rows) > NAMES else ''})"
