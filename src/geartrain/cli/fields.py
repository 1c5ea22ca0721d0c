"""A policy's fields on the command line: ``key=value``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

import click

from geartrain.broker import policy_fields
from geartrain.broker.policy_fields import FIELDS, nested

DEFAULT: Final = ("", "default")  # what goes back to the file's value, or the default
FLAGS: Final = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def fields_of(assignments: Iterable[str]) -> dict[str, object]:
    """The fields in a file's form; raises SettingsError for one that cannot be."""
    given: dict[str, object] = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise click.UsageError(f"{assignment!r} sets nothing; expected KEY=VALUE, such as timeout=60")
        given[name] = None if value in DEFAULT else value_of(name, value)
    return nested(policy_fields.read("functions set", given))


def value_of(name: str, given: str) -> object:
    """What a text means as a field's value; the text itself where it cannot be one."""
    field = FIELDS.get(name)
    reader = whole if field is None else READERS.get(field.read, str)
    return reader(given)


def whole(given: str) -> object:
    return int(given) if given.isdecimal() else given


def decimal(given: str) -> object:
    try:
        return float(given)
    except ValueError:
        return given


def flag(given: str) -> object:
    return FLAGS.get(given.lower(), given)


def words(given: str) -> object:
    return given.split(",")


READERS: Final[Mapping[Callable[[object], object], Callable[[str], object]]] = {
    policy_fields.read_count: whole,
    policy_fields.read_part: decimal,
    policy_fields.read_flag: flag,
    policy_fields.read_reasons: words,
}


def flattened(fields: Mapping[str, object]) -> dict[str, str]:
    """The fields as they are given on the command line, by dotted name."""
    flat: dict[str, str] = {}
    for name, value in fields.items():
        inner = value.items() if isinstance(value, dict) else ()
        flat |= {f"{name}.{key}": in_words(part) for key, part in inner} or {name: in_words(value)}
    return flat


def in_words(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
