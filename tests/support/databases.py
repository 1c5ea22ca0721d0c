"""Database servers in folders of their own, as somebody who is not root: they refuse to run as that."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy

from tests.support.machine import HOST, free_port, require, wait_until
from tests.support.processes import Program

NOBODY = "nobody"


class Database:
    """A running database server with one empty database."""

    def __init__(self, dialect: str, user: str, port: int, name: str) -> None:
        self.user = user
        self.port = port
        self.name = name
        self.url = f"{dialect}://{user}@{HOST}:{port}/{name}"


def as_nobody() -> tuple[str, ...]:
    """What stands before a command that root may not run."""
    if os.geteuid() != 0:
        return ()
    return (require("setpriv"), "--reuid", NOBODY, "--regid", str(nobodys_group()), "--clear-groups")


def nobodys_group() -> int:
    import pwd

    return pwd.getpwnam(NOBODY).pw_gid


@contextmanager
def folder() -> Iterator[Path]:
    """A folder for a database."""
    with tempfile.TemporaryDirectory() as name:
        if os.geteuid() == 0:
            shutil.chown(name, NOBODY)
        yield Path(name)


def prepare(*command: str) -> None:
    """Run a command that makes the files of a database."""
    subprocess.run([*as_nobody(), *command], check=True, capture_output=True)


def answers(url: str) -> bool:
    """Whether the database takes a connection."""
    engine = sqlalchemy.create_engine(url)
    try:
        with engine.connect():
            return True
    except sqlalchemy.exc.OperationalError:
        return False
    finally:
        engine.dispose()


@contextmanager
def postgresql() -> Iterator[Database]:
    """A PostgreSQL server."""
    database = Database("postgresql+psycopg", "gearman", free_port(), "postgres")
    with folder() as place:
        data = str(place / "data")
        prepare(
            require("initdb"),
            "-D",
            data,
            "-U",
            database.user,
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
        )
        options = ("-p", str(database.port), "-k", str(place), "-h", HOST, "-F")
        with Program(*as_nobody(), require("postgres"), "-D", data, *options) as server:
            wait_until(lambda: answers(database.url), "PostgreSQL answers")
            yield database
            server.end(signal.SIGINT)  # without waiting for its clients


@contextmanager
def mariadb() -> Iterator[Database]:
    """A MariaDB server, which is one of MySQL."""
    database = Database("mysql+pymysql", "root", free_port(), "gearman")
    with folder() as place:
        data = f"--datadir={place / 'data'}"
        prepare(
            require("mariadb-install-db"),
            "--no-defaults",
            data,
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
        )
        options = (f"--socket={place / 'socket'}", f"--port={database.port}", f"--bind-address={HOST}")
        with Program(*as_nobody(), require("mariadbd"), "--no-defaults", data, *options):
            url = database.url.replace(database.name, "mysql")
            wait_until(lambda: answers(url), "MariaDB answers")
            create(url, database.name)
            yield database


def create(url: str, name: str) -> None:
    engine = sqlalchemy.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text(f"CREATE DATABASE {name}"))
    engine.dispose()
