"""The queues of gearmand's own plugins: the table that it keeps in SQLite, MySQL or PostgreSQL."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Collection, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from geartrain.broker.batch import JobRecord
from geartrain.broker.model import PRIORITIES
from geartrain.errors import SettingsError, StoreError
from geartrain.store.fields import shown
from geartrain.store.portable import LONGEST_FUNCTION

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

TABLES: Final = ("gearman_queue", "queue")  # as gearmand calls it, the second one in PostgreSQL
COLUMNS: Final = ("unique_key", "function_name", "priority", "data")
WHEN: Final = "when_to_run"  # a column that old tables do not have
BESIDE: Final = ("-journal", "-wal")  # of SQLite, for what is not finished
FETCHED: Final = 1000  # rows at a time

Row: TypeAlias = Sequence[Any]  # a value for each of COLUMNS, and for WHEN where there is that


def jobs(source: str, table: str, now: float) -> Iterator[JobRecord]:
    """The jobs of gearmand's table, without handles: submitted ``now``, as gearmand does not keep when they were.

    ``source`` is the path of an SQLite file, or a URL as SQLAlchemy has them; an empty ``table`` is found by
    gearmand's names. Raises SettingsError and StoreError.
    """
    is_url = "://" in source
    opened = rows_of_url(source, table) if is_url else rows_of_file(source, table)
    with opened as rows:
        for number, row in enumerate(rows, 1):
            try:
                yield job_of(row, now, is_url)
            except ValueError as error:
                raise StoreError(f"{without_password(source)}, row {number}: {error}") from None


def job_of(row: Row, now: float, is_short: bool) -> JobRecord:
    """The job of a row; ``is_short`` says that its time has 32 bits. Raises ValueError."""
    unique, function, workload = as_bytes(row[0]), as_bytes(row[1]), as_bytes(row[3])
    if not 0 < len(function) <= LONGEST_FUNCTION:
        raise ValueError(f"function_name {shown(function)}: expected 1 to {LONGEST_FUNCTION} bytes")
    priority = row[2]
    if not isinstance(priority, int) or priority not in range(len(PRIORITIES)):
        raise ValueError(f"priority {shown(priority)}: expected 0 (high), 1 (normal) or 2 (low)")
    run_at = run_time(row[4] if len(row) > len(COLUMNS) else 0, is_short)
    return JobRecord(0, b"", function, unique, b"", workload, len(workload), priority, run_at, now, 0, b"")


def as_bytes(value: object) -> bytes:
    """What a column has; gearmand keeps an empty workload as NULL."""
    if value is None:
        return b""
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    raise ValueError(f"{shown(value)}: expected bytes or text")


def run_time(when: object, is_short: bool) -> float:
    """Unix time; what does not fit into 31 bits comes back as a negative number from a column of 32."""
    if when is None:
        return 0.0
    if not isinstance(when, int):
        raise ValueError(f"when_to_run {shown(when)}: expected Unix seconds")
    return float(when + 2**32 if is_short and when < 0 else max(0, when))


def chosen_table(wanted: str, there: Collection[str], source: str) -> str:
    """Which table to read; raises StoreError where that is none, or not clear."""
    found = [name for name in ([wanted] if wanted else TABLES) if name in there]
    if len(found) == 1:
        return found[0]
    tables = ", ".join(sorted(there)) or "none"
    raise StoreError(
        f"{source}: a table {wanted or ' or '.join(TABLES)} is expected, there are: {tables} (--table names one)"
    )


def check_columns(there: Collection[str], table: str, source: str) -> list[str]:
    """The columns to read; raises StoreError where one is missing."""
    missing = [name for name in COLUMNS if name not in there]
    if missing:
        raise StoreError(f"{source}: the table {table} is none of gearmand's, it has no {', '.join(missing)}")
    return [*COLUMNS, WHEN] if WHEN in there else [*COLUMNS]


# A file of libsqlite3


@contextlib.contextmanager
def rows_of_file(path: str, table: str) -> Iterator[Iterator[Row]]:
    """The rows in the order in which they were written."""
    if not Path(path).is_file():
        raise SettingsError(
            f"there is no file {path}: expected one of gearmand's, or a URL such as mysql+pymysql://"
        )
    try:
        with readable(path) as uri, contextlib.closing(sqlite3.connect(uri, uri=True)) as connection:
            connection.text_factory = bytes  # names need not be UTF-8
            yield iter(connection.execute(selection(connection, path, table)))
    except sqlite3.Error as error:
        raise StoreError(f"cannot read {path}: {error}") from None
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from None


@contextlib.contextmanager
def readable(path: str) -> Iterator[str]:
    """The URI of a file that can be read whatever state gearmand left it in; the file itself stays as it is.

    Where gearmand was killed, a journal beside the file says how to undo the half of a transaction, or a log has what
    is not in the file yet. SQLite puts that right by writing, so it gets a copy of its own. Raises OSError.
    """
    source = os.path.realpath(path)
    beside = [end for end in BESIDE if os.path.exists(source + end) and os.path.getsize(source + end)]
    if not beside:
        yield f"{Path(source).as_uri()}?mode=ro"
        return
    with tempfile.TemporaryDirectory(prefix="geartrain-import-") as folder:
        copy = os.path.join(folder, "queue.db")
        for end in ("", *beside):
            shutil.copyfile(source + end, copy + end)
        yield f"{Path(copy).as_uri()}?mode=rw"


def selection(connection: sqlite3.Connection, path: str, table: str) -> str:
    """The statement for the rows of gearmand's table."""
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    name = chosen_table(table, [row[0].decode() for row in tables], path)
    quoted = '"{}"'.format(name.replace('"', '""'))
    there = [row[1].decode() for row in connection.execute(f"PRAGMA table_info({quoted})")]
    return f"SELECT {', '.join(check_columns(there, name, path))} FROM {quoted} ORDER BY rowid"


# A database that SQLAlchemy knows


@contextlib.contextmanager
def rows_of_url(url: str, table: str) -> Iterator[Iterator[Row]]:
    """The rows in the order in which the database gives them."""
    engine = engine_of(url)
    import sqlalchemy

    try:
        with engine.connect() as connection:
            yield iter(selected(connection, table, without_password(url)))
    except sqlalchemy.exc.SQLAlchemyError as error:
        raise StoreError(f"cannot read {without_password(url)}: {str(error).splitlines()[0]}") from None
    finally:
        engine.dispose()


def engine_of(url: str) -> Engine:
    """What connects to a database; raises SettingsError where that is not installed, or the URL is none."""
    if find_spec("sqlalchemy") is None:
        raise SettingsError(f"{without_password(url)} needs SQLAlchemy: pip install 'geartrain[import]'")
    import sqlalchemy

    try:
        return sqlalchemy.create_engine(url)
    except ModuleNotFoundError as error:
        raise SettingsError(f"{without_password(url)} needs {error.name}: pip install {error.name}") from None
    except (sqlalchemy.exc.ArgumentError, sqlalchemy.exc.NoSuchModuleError) as error:
        expected = "expected one such as mysql+pymysql://USER:PASSWORD@HOST/DATABASE"
        raise SettingsError(f"{without_password(url)}: {error}; {expected}") from None


def selected(connection: Connection, table: str, source: str) -> Iterator[Row]:
    import sqlalchemy

    inspector = sqlalchemy.inspect(connection)
    name = chosen_table(table, inspector.get_table_names(), source)
    there = [column["name"] for column in inspector.get_columns(name)]
    columns: list[Any] = [sqlalchemy.column(column) for column in check_columns(there, name, source)]
    statement = sqlalchemy.select(*columns).select_from(sqlalchemy.table(name))
    yield from connection.execution_options(yield_per=FETCHED).execute(statement)


def without_password(source: str) -> str:
    """A source as a message shows it."""
    scheme, separator, rest = source.partition("://")
    who, at, where = rest.rpartition("@")
    return f"{scheme}{separator}{who.partition(':')[0]}{at}{where}"
