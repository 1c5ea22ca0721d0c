"""The fields of a schedule, as a configuration file and JSON have them."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from typing import Final

from geartrain.broker.deadlines import NEVER
from geartrain.broker.model import FUNCTION_LIMIT, PRIORITIES
from geartrain.broker.schedules import CATCH_UPS, Calendar, Definition
from geartrain.errors import SettingsError
from geartrain.protocol.documents import MOST_KEPT, read_object
from geartrain.protocol.durations import seconds_of

FIELDS: Final = (
    "function",
    "workload",
    "cron",
    "every",
    "timezone",
    "priority",
    "unique",
    "catch_up",
    "paused",
)
NAME_LIMIT: Final = 200  # bytes: with "@" and a tick it is a unique
UNIQUE_LIMIT: Final = 8192  # bytes that --max-unique may allow
LONGEST_INTERVAL: Final = 366 * 86400


class Section:
    """The fields that were given for one schedule; reading one raises SettingsError for what it cannot be."""

    def __init__(self, place: str, given: Mapping[str, object]) -> None:
        self.place = place  # such as "schedules.backup", for error messages
        self.given = given
        for key, value in given.items():
            if key not in FIELDS:
                near = difflib.get_close_matches(key, FIELDS, 1)
                wanted = f"perhaps {near[0]}" if near else f"one of {', '.join(FIELDS)}"
                raise SettingsError(
                    f"{place}: there is no key {key!r} (its value is {value!r}); expected {wanted}"
                )

    def wrong(self, key: str, expected: str) -> SettingsError:
        """What to raise where a field's value is not as expected."""
        if key not in self.given:
            return SettingsError(f"{self.place} wants {key}, {expected}, got none")
        return SettingsError(f"{self.place} {key} wants {expected}, got {self.given[key]!r}")

    def text(self, key: str) -> str:
        """A text, empty where none was given."""
        value = self.given.get(key, "")
        if not isinstance(value, str):
            raise self.wrong(key, "a text")
        return value

    def octets(self, key: str, least: int, most: int) -> bytes:
        """A text as the wire has it. JSON of ours has bytes that are no text as Python's surrogates."""
        expected = f"a text of {least} to {most} bytes without NUL"
        try:
            value = self.text(key).encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            raise self.wrong(key, expected) from None
        if not least <= len(value) <= most or b"\0" in value:
            raise self.wrong(key, expected)
        return value

    def workload(self) -> bytes:
        """Any bytes."""
        try:
            return self.text("workload").encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            raise self.wrong("workload", "a text") from None

    def choice(self, key: str, words: tuple[str, ...], default: str) -> str:
        """One of the words."""
        value = self.given.get(key, default)
        if not isinstance(value, str) or value not in words:
            raise self.wrong(key, f"one of {', '.join(words)}")
        return value

    def flag(self, key: str) -> bool:
        """True or false."""
        value = self.given.get(key, False)
        if not isinstance(value, bool):
            raise self.wrong(key, "true or false")
        return value

    def interval(self) -> int:
        """``every`` in seconds, 0 where none was given."""
        value = self.given.get("every")
        if value is None:
            return 0
        try:
            seconds = seconds_of(value)
        except ValueError:
            seconds = 0.0
        if not 1 <= seconds <= LONGEST_INTERVAL or not seconds.is_integer():
            raise self.wrong("every", "whole seconds from 1 up to a year, such as 90, 5m, 12h or 1d")
        return int(seconds)


def read_schedules(given: Mapping[str, object], place: str, calendar: Calendar) -> list[Definition]:
    """The schedules of a file's table, by name; raises SettingsError where anything of it is wrong."""
    definitions = []
    for name, fields in given.items():
        if not isinstance(fields, dict):
            raise SettingsError(f"{place} wants tables such as [schedules.backup], got {name} = {fields!r}")
        check_name(name, f"{place}.{name}")
        definitions.append(read_schedule(name, fields, f"{place}.{name}", calendar))
    return definitions


def check_name(name: str, place: str) -> None:
    """Raise SettingsError where a name could not be a word of a text command, or part of a unique."""
    if not 0 < len(name.encode("utf-8", "replace")) <= NAME_LIMIT or not name.isprintable() or " " in name:
        raise SettingsError(
            f"{place}: a schedule's name wants 1 to {NAME_LIMIT} bytes without blanks, got {name!r}"
        )


def read_schedule(name: str, given: Mapping[str, object], place: str, calendar: Calendar) -> Definition:
    """A schedule of its fields; raises SettingsError naming the place, the key, the value and what was expected."""
    section = Section(place, given)
    definition = Definition(
        name,
        section.octets("function", 1, FUNCTION_LIMIT),
        section.workload(),
        PRIORITIES.index(section.choice("priority", PRIORITIES, "normal")),
        section.octets("unique", 0, UNIQUE_LIMIT),
        section.text("cron"),
        section.interval(),
        section.text("timezone"),
        section.choice("catch_up", CATCH_UPS, CATCH_UPS[0]),
        section.flag("paused"),
    )
    check_when(definition, place, calendar)
    return definition


def check_when(definition: Definition, place: str, calendar: Calendar) -> None:
    """Raise SettingsError where a schedule would never be due."""
    if bool(definition.cron) == bool(definition.every):
        got = "both" if definition.cron else "neither"
        raise SettingsError(f"{place} wants either cron or every, got {got}")
    if definition.every:
        if definition.timezone:
            raise SettingsError(f"{place} timezone wants a cron, got {definition.timezone!r} beside every")
        return
    try:
        first = calendar(definition.cron, definition.timezone, 0.0)
    except SettingsError as error:
        raise SettingsError(f"{place} {error}") from None
    if first == NEVER:
        raise SettingsError(f"{place} cron wants a day that comes in 50 years, got {definition.cron!r}")


def fields_of(definition: Definition) -> dict[str, object]:
    """A schedule as ``read_schedule`` takes it."""
    fields: dict[str, object] = {
        "function": surrogates(definition.function),
        "workload": surrogates(definition.workload),
        "cron": definition.cron,
        "every": definition.every or None,
        "timezone": definition.timezone,
        "priority": PRIORITIES[definition.priority],
        "unique": surrogates(definition.unique),
        "catch_up": definition.catch_up,
        "paused": definition.paused,
    }
    return fields


def surrogates(octets: bytes) -> str:
    """Bytes as a text from which they can be had again."""
    return octets.decode("utf-8", "surrogateescape")


def kept_text(definition: Definition, origin: str) -> str:
    """A schedule for the store."""
    return json.dumps({"origin": origin, **fields_of(definition)})


def of_kept_text(name: str, text: str, calendar: Calendar) -> tuple[Definition, str]:
    """A schedule that a store kept, and its origin; raises SettingsError or ValueError for what is none."""
    fields = read_object(text, MOST_KEPT)
    origin = str(fields.pop("origin", ""))
    return read_schedule(name, fields, f"schedule {name}", calendar), origin
