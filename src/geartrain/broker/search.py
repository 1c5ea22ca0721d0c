"""Text command ``find``: jobs that are like what somebody looks for, a page at a time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final, NamedTuple

from geartrain.broker.access import VIEW
from geartrain.broker.answers import END, incomplete, json_line, octets, refused, text
from geartrain.broker.broker import Broker
from geartrain.broker.control import fields_in
from geartrain.broker.listing import MOST_ROWS, describe_job, job_state
from geartrain.broker.lists import Rows
from geartrain.broker.model import PRIORITIES, Connection, Job
from geartrain.broker.sight import may
from geartrain.errors import SettingsError

# Not Final, which the compiled build would have in place of the names: tests look at fewer jobs.
MOST_SCANNED = 20_000  # jobs that one question looks at
SPARSE = 8  # numbers for each job beyond which jobs are sought otherwise than by counting
STATES: Final = ("queued", "delayed", "running")
PLACES: Final = re.compile(r"\d{1,9}\.\d{1,20}(,\d{1,9}\.\d{1,20})*")
TEXTS: Final = ("function", "state", "unique", "handle", "worker", "priority", "cursor")
NUMBERS: Final = ("older_than", "younger_than", "limit")


class Wanted(NamedTuple):
    """What somebody looks for; empty texts are anything."""

    function: str = ""
    state: str = ""
    unique: str = ""
    handle: str = ""  # begins so
    worker: str = ""  # its id or its host
    priority: str = ""
    cursor: str = ""  # where an earlier answer ended
    older_than: float = 0.0  # seconds since the submit
    younger_than: float = 0.0  # 0 is any age
    limit: int = MOST_ROWS


def find(broker: Broker, words: list[bytes]) -> bytes | Rows:
    """``find JSON``: jobs by number, and last a row with the cursor for more as ``next``: null where there are none.

    One question looks at a bounded number of jobs, so there may be more where none is shown. ``here`` is the cursor of
    what was looked at.
    """
    if len(words) < 2:
        return incomplete(words[0])
    try:
        wanted = wanted_of(fields_in(words, 1))
    except ValueError as error:
        return refused(f"find {error}")
    except SettingsError as error:
        return refused(str(error))
    return Rows(MOST_SCANNED, page(broker, wanted))


def wanted_of(fields: dict[str, object]) -> Wanted:
    """What the fields say; raises SettingsError naming the one that is wrong."""
    for name, value in fields.items():
        if name in TEXTS:
            if not isinstance(value, str):
                raise SettingsError(f"{name} {value!r}, expected a text")
        elif name not in NUMBERS:
            raise SettingsError(f"{name!r}, expected one of {', '.join(TEXTS + NUMBERS)}")
        elif not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value < 1e15:
            raise SettingsError(f"{name} {value!r}, expected a number, 0 or more")
    wanted = Wanted(
        shown(fields, "function"),
        str(fields.get("state", "")),
        shown(fields, "unique"),
        str(fields.get("handle", "")),
        str(fields.get("worker", "")),
        str(fields.get("priority", "")),
        str(fields.get("cursor", "")),
        number(fields, "older_than"),
        number(fields, "younger_than"),
        min(int(number(fields, "limit")) or MOST_ROWS, MOST_ROWS),
    )
    if wanted.state and wanted.state not in STATES:
        raise SettingsError(f"state {wanted.state!r}, expected {', '.join(STATES)}")
    if wanted.priority and wanted.priority not in PRIORITIES:
        raise SettingsError(f"priority {wanted.priority!r}, expected {', '.join(PRIORITIES)}")
    if wanted.cursor and not PLACES.fullmatch(wanted.cursor):
        raise SettingsError(f"cursor {wanted.cursor!r}, expected the one of an earlier answer")
    return wanted


def shown(fields: dict[str, object], name: str) -> str:
    """A name as rows show it."""
    return text(octets(str(fields.get(name, ""))))


def number(fields: dict[str, object], name: str) -> float:
    """A number that has been looked at; 0 where there is none."""
    value = fields.get(name, 0)
    return float(value) if isinstance(value, (int, float)) else 0.0


def page(broker: Broker, wanted: Wanted) -> Iterator[bytes]:
    """The next rows, and the one that says where they end."""
    last = place_of(wanted.cursor, broker.rules.shard)
    candidates, more = after(broker, wanted, last)
    found = 0
    for candidate in candidates:
        job = broker.jobs.get(candidate)
        last = candidate
        if job is None or not may(broker, VIEW, job.function.name) or not is_wanted(broker, job, wanted):
            yield b""
            continue
        yield json_line(describe_job(job))
        found += 1
        if found == wanted.limit:
            more = more or last != candidates[-1]
            break
    here = f"{broker.rules.shard}.{last}"
    yield json_line({"next": here if more else None, "here": here})
    yield END


def place_of(cursor: str, shard: int) -> int:
    """The number of the last job of a shard that was looked at."""
    for part in cursor.split(",") if cursor else []:
        name, _, last = part.partition(".")
        if int(name) == shard:
            return int(last)
    return 0


def after(broker: Broker, wanted: Wanted, last: int) -> tuple[list[int], bool]:
    """Numbers behind one that jobs may have which are wanted, in their order, and whether there are more."""
    jobs = few(broker, wanted)
    if jobs is not None:
        seen = [job for job in jobs if job.number > last and may(broker, VIEW, job.function.name)]
        numbers = sorted({job.number for job in seen})
    elif broker.last_handle - last <= SPARSE * broker.step * len(broker.jobs):
        first = last + 1 + (broker.rules.shard - last - 1) % broker.step
        numbers = list(
            range(first, min(broker.last_handle, first + MOST_SCANNED * broker.step) + 1, broker.step)
        )
    else:
        numbers = list(islice((number for number in in_order(broker) if number > last), MOST_SCANNED + 1))
    return numbers[:MOST_SCANNED], len(numbers) > MOST_SCANNED


def in_order(broker: Broker) -> Iterable[int]:
    """The numbers of all jobs in their order: to sort a million of them, the others would have to wait."""
    if broker.is_in_order:
        return broker.jobs
    numbers = sorted(broker.jobs)
    broker.is_in_order = numbers == list(broker.jobs)
    return numbers


def few(broker: Broker, wanted: Wanted) -> list[Job] | None:
    """The jobs among which all are that are wanted, where those are found without looking at every one."""
    if wanted.function and "\\" not in wanted.function and is_empty(broker, octets(wanted.function)):
        return []  # a backslash may stand for an odd byte
    if wanted.worker or wanted.state == "running":
        workers = [peer for peer in broker.connections if is_named(peer, wanted.worker)]
        return [job for peer in workers for job in peer.running.values()]
    if wanted.unique and wanted.unique != "-" and "\\" not in wanted.unique:
        unique = octets(wanted.unique)
        equal = [function.uniques.get(unique) for function in broker.functions.values()]
        return [job for job in equal if job is not None]
    return None


def is_empty(broker: Broker, name: bytes) -> bool:
    """Whether a function has no jobs, as far as the asker may know."""
    function = broker.functions.get(name)
    return function is None or not function.total() or not may(broker, VIEW, name)


def is_named(peer: Connection, name: str) -> bool:
    """Whether a peer's id or host is so; any is where no name is given."""
    return not name or name in (text(peer.client_id), text(peer.host))


def is_wanted(broker: Broker, job: Job, wanted: Wanted) -> bool:
    """Whether a job is what somebody looks for; one whose worker matters is."""
    age = broker.clock - job.submitted_at
    return (
        (not wanted.function or text(job.function.name) == wanted.function)
        and (not wanted.state or job_state(job) == wanted.state)
        and (not wanted.unique or text(job.unique) == wanted.unique)
        and (not wanted.handle or text(job.handle).startswith(wanted.handle))
        and (not wanted.priority or PRIORITIES[job.priority] == wanted.priority)
        and age >= wanted.older_than
        and (not wanted.younger_than or age <= wanted.younger_than)
    )
