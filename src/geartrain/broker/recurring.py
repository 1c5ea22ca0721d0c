"""SUBMIT_JOB_SCHED: schedules that clients make, each named by its handle."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from geartrain.broker.broker import Broker
from geartrain.broker.model import FUNCTION_LIMIT, NORMAL, Connection
from geartrain.broker.schedule_fields import check_when
from geartrain.broker.schedules import LAST, WIRE, Calendar, Definition, Schedule
from geartrain.broker.ticks import add, remove
from geartrain.errors import QueueFull, SettingsError
from geartrain.protocol.commands import ERROR, JOB_CREATED, STOPPING
from geartrain.protocol.packet import response

ANY: Final = (b"", b"*", b"-1")
TERM: Final = re.compile(r"(\*|(\d{1,2})(?:-(\d{1,2}))?)(?:/(\d{1,2}))?", re.ASCII)


class Unit(NamedTuple):
    """A field of SUBMIT_JOB_SCHED, and what cron makes of its numbers."""

    name: str
    least: int
    most: int
    shift: int  # cron's number less the packet's


UNITS: Final = (
    Unit("minute", 0, 59, 0),
    Unit("hour", 0, 23, 0),
    Unit("mday", 1, 31, 0),
    Unit("month", 1, 12, 0),
    Unit("wday", 0, 6, 1),  # 0 is Monday, which is cron's 1
)


def recur(broker: Broker, connection: Connection, arguments: list[bytes]) -> bytes:
    """The answer to SUBMIT_JOB_SCHED."""
    calendar = broker.schedules.calendar
    if calendar is None:
        return response(ERROR, b"INVALID_COMMAND", b"Command not expected")
    if broker.stopping:
        return response(ERROR, b"QUEUE_ERROR", STOPPING)
    try:
        schedule = recurring(broker, calendar, arguments)
    except SettingsError as error:
        return response(ERROR, b"INVALID_ARGUMENT", str(error).encode())
    except QueueFull as error:
        return response(ERROR, error.error_code.encode(), error.text.encode())
    connection.promised = connection.promised or broker.batch is not None
    return response(JOB_CREATED, schedule.definition.name.encode())


def recurring(broker: Broker, calendar: Calendar, arguments: list[bytes]) -> Schedule:
    """The schedule that is asked for, new or the one that has its unique already.

    Raises SettingsError where it cannot be, and QueueFull where there are too many.
    """
    function, unique, *when, workload = arguments
    if not 0 < len(function) <= FUNCTION_LIMIT:
        raise SettingsError(f"function name of {len(function)} bytes, expected 1 to {FUNCTION_LIMIT}")
    if len(unique) > broker.max_unique:
        raise SettingsError(f"unique of {len(unique)} bytes, expected at most {broker.max_unique}")
    cron = " ".join([cron_field(unit, given) for unit, given in zip(UNITS, when, strict=True)])
    known = broker.schedules.equal(function, unique, workload)
    if known is not None:
        # Once more for the store: what it is asked to keep for the first client may fail.
        return add(broker, known.definition, WIRE)
    name = (broker.prefix + b"%d" % (broker.last_handle + broker.step)).decode("utf-8", "backslashreplace")
    definition = Definition(name, function, workload, NORMAL, unique, cron, 0, "", LAST, False)
    broker.schedules.check_room(definition)
    check_when(definition, "SUBMIT_JOB_SCHED", calendar)
    broker.last_handle += broker.step
    return add(broker, definition, WIRE)


def cron_field(unit: Unit, given: bytes) -> str:
    """A field of a cron line; raises SettingsError naming the field, its value and what was expected."""
    if given in ANY:
        return "*"
    text = given.decode("ascii", "backslashreplace")
    if not unit.shift:
        for term in text.split(","):
            numbers_of(unit, term, text)
        return text
    numbers = {number for term in text.split(",") for number in numbers_of(unit, term, text)}
    return ",".join([str(number + unit.shift) for number in sorted(numbers)])


def numbers_of(unit: Unit, term: str, text: str) -> list[int]:
    """The numbers of a term such as 3, 1-5, */5 or 10-50/20."""
    match = TERM.fullmatch(term)
    if match is not None:
        first = unit.least if match[1] == "*" else int(match[2])
        last = unit.most if match[1] == "*" else int(match[3] or match[2])
        step = int(match[4] or "1")
        wide = match[1] == "*" or match[3] is not None
        if unit.least <= first <= last <= unit.most and step > 0 and (wide or match[4] is None):
            return list(range(first, last + 1, step))
    raise SettingsError(
        f"SUBMIT_JOB_SCHED {unit.name} wants numbers from {unit.least} to {unit.most} as 3, 1-5, */5 or 1,3, "
        f"or * for any, got {text!r}"
    )


def wire_schedule(broker: Broker, handle: bytes) -> Schedule | None:
    """The schedule that a client made under this handle."""
    schedule = broker.schedules.by_name.get(handle.decode("utf-8", "backslashreplace"))
    return schedule if schedule is not None and schedule.origin == WIRE else None


def cancel_recurring(broker: Broker, handle: bytes) -> bool:
    """End the schedule of a handle; whether there was one."""
    schedule = wire_schedule(broker, handle)
    if schedule is None:
        return False
    remove(broker, schedule)
    return True
