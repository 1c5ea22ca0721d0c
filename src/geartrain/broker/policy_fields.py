"""The fields of a function's policy, as a configuration file and JSON have them: one row for each."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from typing import Final

from geartrain.errors import SettingsError
from geartrain.protocol.durations import EXPECTED, seconds_of, whole_or_part

Values = dict[str, object]  # of some fields, by their dotted names

REASONS: Final = ("lost", "timeout", "fail", "exception")  # why an execution ends without a result
AGAIN: Final = ("lost", "timeout")  # after which of them gearmand runs a job again
RATE: Final = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)/([smh])")
UNITS: Final = {"s": 1, "m": 60, "h": 3600}  # seconds


class Field:
    """A field: ``read`` checks a value of it, and raises ValueError for what it cannot be."""

    # No NamedTuple: compiled, one cannot have a member of the type object.
    def __init__(self, name: str, expected: str, read: Callable[[object], object], default: object) -> None:
        self.name = name  # with a dot where it is in a table of its own
        self.expected = expected
        self.read = read
        self.default = default


def read_count(given: object) -> object:
    if type(given) is not int or not 0 <= given < 1 << 62:
        raise ValueError
    return given


def read_seconds(given: object) -> object:
    return whole_or_part(seconds_of(given))


def read_part(given: object) -> object:
    if type(given) not in (int, float) or not 0 <= float(str(given)) <= 1:
        raise ValueError
    return given


def read_flag(given: object) -> object:
    if type(given) is not bool:
        raise ValueError
    return given


def read_reasons(given: object) -> object:
    if not isinstance(given, list) or not all(reason in REASONS for reason in given):
        raise ValueError
    return [reason for reason in REASONS if reason in given]


def read_backoff(given: object) -> object:
    if given not in ("fixed", "exponential"):
        raise ValueError
    return given


def read_on_timeout(given: object) -> object:
    if given not in ("requeue", "fail"):
        raise ValueError
    return given


def read_rate(given: object) -> object:
    if not isinstance(given, str) or RATE.fullmatch(given) is None:
        raise ValueError
    return given


COUNT: Final = "a number from 0 up"
SECONDS: Final = EXPECTED
FLAG: Final = "true or false"

FIELDS: Final = {
    field.name: field
    for field in (
        Field("retry.attempts", COUNT, read_count, 0),
        Field("retry.on", f"a list of {', '.join(REASONS)}", read_reasons, list(AGAIN)),
        Field("retry.backoff", "fixed or exponential", read_backoff, "fixed"),
        Field("retry.delay", SECONDS, read_seconds, 0),
        Field("retry.max_delay", SECONDS, read_seconds, 3600),
        Field("retry.jitter", "a number from 0 to 1", read_part, 0.1),
        Field("retry.foreground", FLAG, read_flag, False),
        Field("timeout", SECONDS, read_seconds, 0),
        Field("on_timeout", "requeue or fail", read_on_timeout, ""),  # empty: as retry.on says
        Field("ttl", SECONDS, read_seconds, 0),
        Field("max_running", COUNT, read_count, 0),
        Field("rate", "a text such as 10/s, 100/m or 1000/h", read_rate, "0/s"),
        Field("paused", FLAG, read_flag, False),
        Field("draining", FLAG, read_flag, False),
        Field("max_queue.high", COUNT, read_count, 0),
        Field("max_queue.normal", COUNT, read_count, 0),
        Field("max_queue.low", COUNT, read_count, 0),
        Field("keep_result", SECONDS, read_seconds, 0),
        Field("dead_letter", FLAG, read_flag, None),  # None: where attempts are limited
    )
}

TABLES: Final = {  # and what stands for a value that is none
    "retry": "a table such as { attempts = 5 }",
    "max_queue": "a number from 0 up, or a table such as { high = 10, normal = 20 }",
}


def read(section: str, given: Mapping[str, object]) -> dict[str, object]:
    """The values of a section by the dotted names of their fields; None for one that is to be as if never given.

    Raises SettingsError naming the section, the key, the value and what was expected.
    """
    values: Values = {}
    for key, value in given.items():
        if key not in TABLES:
            read_field(section, key, value, values)
        elif isinstance(value, dict):
            for inner, part in value.items():
                read_field(section, f"{key}.{inner}", part, values)
        elif value is None or (key == "max_queue" and type(value) is int):
            for name in members(key):
                read_field(section, name, value, values)
        else:
            raise SettingsError(f"{section} {key} wants {TABLES[key]}, got {value!r}")
    return values


def read_field(section: str, name: str, given: object, values: Values) -> None:
    """Add one field's value to others."""
    field = FIELDS.get(name)
    if field is None:
        raise SettingsError(
            f"{section}: there is no key {name!r} (its value is {given!r}); expected {hint(name)}"
        )
    try:
        values[name] = None if given is None else field.read(given)
    except ValueError:
        raise SettingsError(f"{section} {name} wants {field.expected}, got {given!r}") from None


def hint(name: str) -> str:
    """What was likely to be meant by a name that is no field's."""
    meant = {known.rpartition(".")[2]: known for known in FIELDS}
    meant.update({table: table for table in TABLES})
    near = difflib.get_close_matches(name.rpartition(".")[2], list(meant), 1)
    return f"perhaps {meant[near[0]]}" if near else "a field of a function's policy"


def members(table: str) -> list[str]:
    """The dotted names of a table's fields."""
    return [name for name in FIELDS if name.startswith(f"{table}.")]


def nested(values: Mapping[str, object]) -> dict[str, object]:
    """Values by dotted name as a file has them, in the order of the fields."""
    section: dict[str, object] = {}
    tables: dict[str, dict[str, object]] = {}
    for name in FIELDS:
        if name not in values:
            continue
        table, dot, inner = name.partition(".")
        if not dot:
            section[name] = values[name]
            continue
        if table not in tables:
            section[table] = tables[table] = {}
        tables[table][inner] = values[name]
    return section


def jobs_a_second(rate: str) -> float:
    """A rate as a number."""
    match = RATE.fullmatch(rate)
    return float(match[1]) / UNITS[match[2]] if match else 0.0
