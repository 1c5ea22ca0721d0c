"""The options of SUBMIT_JOB_EXTENDED: a JSON object, each of whose fields may be left out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final, NamedTuple

from geartrain.broker.answers import octets
from geartrain.broker.model import NORMAL, PRIORITIES
from geartrain.errors import SettingsError
from geartrain.protocol.documents import read_object
from geartrain.protocol.submission import METADATA_LIMIT

NAMES: Final = ("background", "priority", "run_at", "delay", "reducer", "metadata")
LATEST: Final = float(2**63)  # Unix seconds
REDUCER_LIMIT: Final = 64  # bytes
SHOWN: Final = 80  # characters of a value that a message shows


class SubmitOptions(NamedTuple):
    """How a job is to be run."""

    background: bool
    priority: int
    run_at: float  # Unix seconds; 0 is at once
    delay: float  # seconds from now; 0 is none
    reducer: bytes
    metadata: bytes  # JSON, empty where there is none


def submit_options(text: bytes) -> SubmitOptions:
    """The options in a packet; raises SettingsError naming the option, its value and what was expected."""
    given = fields(text)
    for name in given:
        if name not in NAMES:
            raise SettingsError(f"option {shown(name)}: expected one of {', '.join(NAMES)}")
    background = given.get("background", False)
    if not isinstance(background, bool):
        raise wrong("background", background, "true or false")
    run_at = moment("run_at", given.get("run_at", 0), "Unix seconds")
    delay = moment("delay", given.get("delay", 0), "seconds from now")
    for name, value in (("run_at", run_at), ("delay", delay)):
        if value and not background:
            raise wrong(name, value, "a job in the background: nobody else can wait for its time")
    return SubmitOptions(
        background,
        priority(given.get("priority", PRIORITIES[NORMAL])),
        run_at,
        delay,
        reducer(given.get("reducer", "")),
        metadata(given.get("metadata", {})),
    )


def fields(text: bytes) -> Mapping[str, object]:
    """The JSON object in a text."""
    try:
        return read_object(text)
    except ValueError as error:
        raise SettingsError(f"options {shown(text)}: expected a JSON object: {error}") from error


def priority(value: object) -> int:
    """A priority by its name."""
    if value not in PRIORITIES:
        raise wrong("priority", value, " or ".join(PRIORITIES))
    return PRIORITIES.index(str(value))


def moment(name: str, value: object, expected: str) -> float:
    """A time in seconds; one that is past is at once, as it is for an epoch job."""
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value <= LATEST:
        raise wrong(name, value, expected)
    return float(value)


def reducer(value: object) -> bytes:
    """The name of a reducer."""
    if not isinstance(value, str) or "\0" in value:
        raise wrong("reducer", value, "a name without NUL")
    name = octets(value)
    if len(name) > REDUCER_LIMIT:
        raise wrong("reducer", value, f"at most {REDUCER_LIMIT} bytes, not {len(name)}")
    return name


def metadata(value: object) -> bytes:
    """What a client wants to be kept with the job, as JSON again."""
    if not isinstance(value, dict):
        raise wrong("metadata", value, "an object of strings")
    for key, content in value.items():
        if not isinstance(content, str):
            raise wrong(f"metadata {shown(key)}", content, "a string")
    text = json.dumps(value, separators=(",", ":")).encode()
    if len(text) > METADATA_LIMIT:
        raise wrong("metadata", value, f"at most {METADATA_LIMIT} bytes of JSON, not {len(text)}")
    return text if value else b""


def wrong(name: str, value: object, expected: str) -> SettingsError:
    """The error for an option's value."""
    return SettingsError(f"{name} {shown(value)}: expected {expected}")


def shown(value: object) -> str:
    """A value as a message shows it."""
    return repr(value)[:SHOWN]
