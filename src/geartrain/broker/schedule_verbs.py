"""The text commands for schedules; each answers a JSON object a line, and a line with a dot at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from geartrain.broker.access import VIEW
from geartrain.broker.answers import END, incomplete, json_line, json_lines, refused, text
from geartrain.broker.broker import Broker
from geartrain.broker.deadlines import NEVER
from geartrain.broker.lists import Rows
from geartrain.broker.model import PRIORITIES
from geartrain.broker.schedule_fields import check_name, read_schedule
from geartrain.broker.schedules import FILE, RUN_TIME, Schedule
from geartrain.broker.sight import may
from geartrain.broker.ticks import add, pause, remove, submit
from geartrain.errors import QueueFull, SettingsError
from geartrain.protocol.documents import read_object

UNKNOWN_SCHEDULE: Final = b"UNKNOWN_SCHEDULE"
QUEUE_FULL: Final = b"ERR QUEUE_ERROR Job+queue+is+full\r\n"
STOPPING: Final = b"ERR QUEUE_ERROR Server+is+stopping\r\n"


def schedules(broker: Broker, words: list[bytes]) -> Rows:
    """``schedules``: all of them, by name."""
    return Rows(len(broker.schedules.by_name), schedule_rows(broker))


def schedule_rows(broker: Broker) -> Iterator[bytes]:
    for name in sorted(broker.schedules.by_name):
        schedule = broker.schedules.by_name.get(name)
        if schedule is None or not may(broker, VIEW, schedule.definition.function):
            yield b""
        else:
            yield json_line(describe_schedule(schedule))
    yield END


def schedule_add(broker: Broker, words: list[bytes]) -> bytes:
    """``schedule-add NAME JSON``: a new schedule, or another definition for one that was added so."""
    if len(words) < 3:
        return incomplete(words[0])
    calendar = broker.schedules.calendar
    if calendar is None:
        return refused("schedules: nothing reads cron lines in this server")
    try:
        name = words[1].decode()
        fields = read_object(words[2])
        check_name(name, "schedule")
    except SettingsError as error:
        return refused(str(error))
    except ValueError as error:
        return refused(f"schedule {text(words[1])} wants an object in JSON, got {text(words[2])!r}: {error}")
    known = broker.schedules.by_name.get(name)
    if known is not None and known.origin != RUN_TIME:
        return refused(f"schedule {name} wants another name: one of the {known.origin} has it")
    try:
        definition = read_schedule(name, fields, f"schedule {name}", calendar)
        return json_lines([describe_schedule(add(broker, definition, RUN_TIME))])
    except SettingsError as error:
        return refused(str(error))
    except QueueFull as error:
        return refused(error.text, error.error_code.encode())


def schedule_run(broker: Broker, words: list[bytes]) -> bytes:
    """``schedule-run NAME``: its job now, and the handle."""
    schedule = named(broker, words)
    if schedule is None:
        return unknown_schedule(words)
    if broker.stopping:
        return STOPPING
    job = submit(broker, schedule, broker.clock)
    if job is None:
        return QUEUE_FULL
    return json_lines([{"name": schedule.definition.name, "handle": text(job.handle)}])


def schedule_remove(broker: Broker, words: list[bytes]) -> bytes:
    """``schedule-remove NAME``: the schedule as it was."""
    schedule = named(broker, words)
    if schedule is None:
        return unknown_schedule(words)
    if schedule.origin == FILE:
        return refused(
            f"schedule {schedule.definition.name} is in the configuration file: take it out there, or pause it"
        )
    row = describe_schedule(schedule)
    remove(broker, schedule)
    return json_lines([row])


def schedule_pause(broker: Broker, words: list[bytes]) -> bytes:
    """``schedule-pause NAME``: no tick of it until it is resumed."""
    return set_paused(broker, words, True)


def schedule_resume(broker: Broker, words: list[bytes]) -> bytes:
    """``schedule-resume NAME``: it goes on, after what it missed as its catch_up says."""
    return set_paused(broker, words, False)


def set_paused(broker: Broker, words: list[bytes], paused: bool) -> bytes:
    schedule = named(broker, words)
    if schedule is None:
        return unknown_schedule(words)
    pause(broker, schedule, paused)
    return json_lines([describe_schedule(schedule)])


def named(broker: Broker, words: list[bytes]) -> Schedule | None:
    return broker.schedules.by_name.get(text(words[1])) if len(words) > 1 else None


def unknown_schedule(words: list[bytes]) -> bytes:
    if len(words) < 2:
        return incomplete(words[0])
    return refused(f"no schedule is named {text(words[1])}", UNKNOWN_SCHEDULE)


def describe_schedule(schedule: Schedule) -> dict[str, object]:
    definition = schedule.definition
    is_due = not schedule.paused and schedule.next_at != NEVER
    return {
        "name": definition.name,
        "function": text(definition.function),
        "cron": definition.cron or None,
        "every": definition.every or None,
        "timezone": definition.timezone or None,
        "next_at": schedule.next_at if is_due else None,
        "last_at": schedule.last_at or None,
        "paused": schedule.paused,
        "origin": schedule.origin,
        "catch_up": definition.catch_up,
        "unique": text(definition.unique),
        "priority": PRIORITIES[definition.priority],
        "workload_bytes": len(definition.workload),
        "fired": schedule.fired,
    }


SCHEDULE_CHANGES: Final[dict[bytes, Callable[[Broker, list[bytes]], bytes]]] = {
    b"schedule-add": schedule_add,
    b"schedule-run": schedule_run,
    b"schedule-remove": schedule_remove,
    b"schedule-pause": schedule_pause,
    b"schedule-resume": schedule_resume,
}
SCHEDULE_COMMANDS: Final[dict[bytes, Callable[[Broker, list[bytes]], bytes | Rows]]] = {
    b"schedules": schedules,
    **SCHEDULE_CHANGES,
}
