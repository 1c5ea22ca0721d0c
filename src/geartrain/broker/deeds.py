"""Deeds: what the audit log tells, of whom and on what; never a workload."""

from __future__ import annotations

import json
from typing import Final, NamedTuple

from geartrain.broker.answers import text
from geartrain.broker.model import Connection
from geartrain.broker.refusals import QUOTED
from geartrain.protocol.commands import ERROR, NAMES
from geartrain.protocol.documents import read_object
from geartrain.protocol.packet import HEADER, HEADER_SIZE

DONE: Final = "done"
FAILED: Final = "failed"  # it was allowed, and could not be
REFUSED: Final = "refused"

DENIED: Final = b"PERMISSION_DENIED"
DENIED_LINE: Final = b"ERR " + DENIED
TWO_WORDS: Final = (b"cancel", b"create", b"drop")  # verbs whose second word belongs to them
CUT: Final = "..."  # stands for the rest of a word
WITH_WORKLOAD: Final = b"schedule-add"
TOLD_OF_SCHEDULE: Final = ("function", "cron", "every", "timezone", "unique", "priority", "paused")


class Deed(NamedTuple):
    """Something that a peer changed, or was refused."""

    connection: Connection
    what: str  # a packet's name, or a text command
    on: str
    outcome: str  # DONE, FAILED or REFUSED


def packet_deed(connection: Connection, command: int, name: bytes, outcome: str) -> Deed:
    """What a packet did to a function or a job."""
    return Deed(connection, NAMES[command], quoted(name), outcome)


def line_deed(connection: Connection, words: list[bytes], outcome: str) -> Deed:
    """What a line of text did."""
    verb = words[0].lower()
    length = 2 if verb in TWO_WORDS else 1
    on = described(words[1:]) if verb == WITH_WORKLOAD else words[length:]
    return Deed(connection, quoted(b" ".join(words[:length]).lower()), " ".join(map(quoted, on)), outcome)


def quoted(word: bytes) -> str:
    """A word of a peer, of which the log quotes the beginning."""
    return text(word[:QUOTED]) + (CUT if len(word) > QUOTED else "")


def described(words: list[bytes]) -> list[bytes]:
    """The name of a schedule, and what is told of it."""
    try:
        fields = read_object(words[1])
    except (ValueError, IndexError):
        return words[:1]
    told = {name: fields[name] for name in TOLD_OF_SCHEDULE if name in fields}
    return [words[0], json.dumps(told, separators=(",", ":")).encode()]


def outcome_of(answer: bytes) -> str:
    """How a deed ended, by its answer: a packet, or what answers a line."""
    if answer.startswith(b"\0"):
        if HEADER.unpack_from(answer)[1] != ERROR:
            return DONE
        return REFUSED if answer.startswith(DENIED, HEADER_SIZE) else FAILED
    if answer.startswith(DENIED_LINE):
        return REFUSED
    # A list may begin with a function that is named like a refusal.
    return FAILED if answer.startswith(b"ERR ") and not answer.endswith(b".\n") else DONE
