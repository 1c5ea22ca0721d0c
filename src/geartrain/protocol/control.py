"""The questions that only Geartrain's own server knows: policies, purges, dead letters, results."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from geartrain.protocol.admin import Query, as_objects, words

FUNCTIONS: Final = Query("functions", True, as_objects, True)
POOL: Final = Query("pool", True, as_objects, True)


def json_word(value: object) -> str:
    """A value as JSON that is one word of a text command."""
    return json.dumps(value, separators=(",", ":")).replace(" ", "\\u0020")


def as_row(lines: list[str]) -> dict[str, object] | None:
    """The one object of an answer, if there is one."""
    rows = as_objects(lines)
    return rows[0] if rows else None


def as_policy(lines: list[str]) -> dict[str, object]:
    """The fields of a policy that differ from their defaults."""
    policy = as_objects(lines)[0]["policy"]
    return policy if isinstance(policy, dict) else {}


def as_handle(lines: list[str]) -> str | None:
    """The handle of the job in an answer, if there is one."""
    row = as_row(lines)
    return None if row is None else str(row["handle"])


def as_cancelled(lines: list[str]) -> int:
    """How many jobs were cancelled."""
    return count_of(lines, "cancelled")


def as_retried(lines: list[str]) -> int:
    """How many dead letters were queued again."""
    return count_of(lines, "retried")


def as_discarded(lines: list[str]) -> int:
    """How many dead letters were forgotten."""
    return count_of(lines, "discarded")


def count_of(lines: list[str], name: str) -> int:
    """A number in the one object of an answer."""
    return int(str(as_objects(lines)[0][name]))


def policy(function: str) -> Query[dict[str, object]]:
    """Ask what holds for a function."""
    return Query(words("policy", function), True, as_policy, True)


def set_policy(function: str, fields: Mapping[str, object]) -> Query[dict[str, object]]:
    """Set fields of a function's policy; one that is None is the file's or the default again."""
    return Query(words("policy", function, json_word(dict(fields))), True, as_policy, True)


def pause(function: str) -> Query[dict[str, object]]:
    """Hand out no job of a function."""
    return Query(words("pause", function), True, as_policy, True)


def drain(function: str) -> Query[dict[str, object]]:
    """Refuse new jobs of a function."""
    return Query(words("drain", function), True, as_policy, True)


def resume(function: str) -> Query[dict[str, object]]:
    """End a function's pause or drain."""
    return Query(words("resume", function), True, as_policy, True)


def purge(function: str, age: float) -> Query[int]:
    """Cancel the jobs of a function, or of all ("*"), that no worker has and that came so many seconds ago."""
    return Query(words("purge", function, f"{age:f}"), True, as_cancelled, True)


def cancel_unique(function: str, unique: str) -> Query[str | None]:
    """Cancel the job with a unique."""
    return Query(words("cancel-unique", function, unique), True, as_handle, True)


def dead_letters(function: str, limit: int, cursor: str = "") -> Query[list[dict[str, object]]]:
    """List the dead letters of a function, or of all ("*"), behind the one that the cursor names."""
    behind = (cursor,) if cursor else ()
    return Query(words("dead", function, str(limit), *behind), True, as_objects, True)


def dead_letter(handle: str) -> Query[dict[str, object] | None]:
    """Show a dead letter."""
    return Query(words("dead-show", handle), True, as_row, True)


def retry_dead(target: str) -> Query[int]:
    """Queue dead letters again: the one with a handle, those of a function, or all ("*")."""
    return Query(words("dead-retry", target), True, as_retried, True)


def discard_dead(target: str) -> Query[int]:
    """Forget dead letters: the one with a handle, those of a function, or all ("*")."""
    return Query(words("dead-discard", target), True, as_discarded, True)


def result(handle: str, *most: int) -> Query[dict[str, object] | None]:
    """Ask how a job ended, with so many bytes of its result at ``most``."""
    return Query(words("result", handle, *[str(number) for number in most]), True, as_row, True)
