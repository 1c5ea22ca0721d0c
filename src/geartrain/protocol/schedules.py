"""The text commands for schedules, from the asking side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from geartrain.errors import SettingsError
from geartrain.protocol.admin import Query, json_lines
from geartrain.protocol.control import json_word
from geartrain.protocol.packet import LINE_LIMIT

Rows = list[dict[str, object]]

LONGEST_LINE: Final = LINE_LIMIT - 2  # bytes of a text command without its line end

SCHEDULES: Final = json_lines(("schedules",))


def schedule_fields(
    function: str,
    workload: bytes | str,
    cron: str,
    every: int | str,
    timezone: str,
    priority: str,
    unique: str,
    catch_up: str,
    paused: bool,
) -> dict[str, object]:
    """A schedule's fields as a server takes them."""
    fields: dict[str, object] = {"function": function, "priority": priority, "catch_up": catch_up}
    if isinstance(workload, bytes):
        workload = workload.decode("utf-8", "surrogateescape")
    texts = {"workload": workload, "cron": cron, "timezone": timezone, "unique": unique}
    fields.update({name: text for name, text in texts.items() if text})
    if every:
        fields["every"] = every
    if paused:
        fields["paused"] = True
    return fields


def add_schedule(name: str, fields: Mapping[str, object]) -> Query[Rows]:
    """Have a schedule, or change the one of that name."""
    query = json_lines(("schedule-add", name, json_word(fields)))
    length = len(query.line.encode("utf-8", "surrogateescape"))
    if length > LONGEST_LINE:
        raise SettingsError(
            f"schedule {name} has {length} bytes as a text command, expected at most {LONGEST_LINE}: "
            "a larger workload may stand in the server's configuration file"
        )
    return query


def run_schedule(name: str) -> Query[Rows]:
    """Have its job submitted now."""
    return json_lines(("schedule-run", name))


def remove_schedule(name: str) -> Query[Rows]:
    """Have a schedule no more."""
    return json_lines(("schedule-remove", name))


def pause_schedule(name: str) -> Query[Rows]:
    """Let a schedule rest."""
    return json_lines(("schedule-pause", name))


def resume_schedule(name: str) -> Query[Rows]:
    """Let a schedule go on."""
    return json_lines(("schedule-resume", name))
