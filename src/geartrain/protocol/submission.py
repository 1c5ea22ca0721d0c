"""What a client submits: payloads, priorities, unique ids, and the packet they become."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import Enum, IntEnum
from typing import Final, NamedTuple

from geartrain.errors import SettingsError
from geartrain.protocol.commands import (
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    SUBMIT_JOB_EPOCH,
    SUBMIT_JOB_EXTENDED,
    SUBMIT_JOB_HIGH,
    SUBMIT_JOB_HIGH_BG,
    SUBMIT_JOB_LOW,
    SUBMIT_JOB_LOW_BG,
)
from geartrain.protocol.packet import request

Payload = str | bytes | bytearray | memoryview

METADATA_LIMIT: Final = 4096  # bytes of JSON
UNIQUE_LENGTH: Final = 63  # bytes that every Gearman server keeps


class Priority(IntEnum):
    """Which of a function's three queues a job waits in."""

    HIGH = 0
    NORMAL = 1
    LOW = 2


class Unique(Enum):
    """Uniques with a meaning of their own."""

    NONE = b""  # this job joins no other
    CONTENT = b"-"  # jobs of a function with equal workloads are one


FOREGROUND: Final = (SUBMIT_JOB_HIGH, SUBMIT_JOB, SUBMIT_JOB_LOW)  # by priority
BACKGROUND: Final = (SUBMIT_JOB_HIGH_BG, SUBMIT_JOB_BG, SUBMIT_JOB_LOW_BG)


def payload(value: Payload) -> bytes:
    """The bytes of a workload or a result; text becomes UTF-8. Raises SettingsError for anything else."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return octets(value, "payload")
    if isinstance(value, bytearray | memoryview):
        return bytes(value)
    raise SettingsError(f"payload {value!r}: expected bytes or str")


def octets(value: str, what: str) -> bytes:
    """UTF-8, and the bytes that were none where Python had them as surrogates; raises SettingsError for other ones."""
    try:
        return value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise SettingsError(f"{what} {value[:200]!r}: expected text without lone surrogates") from None


def name(value: str | bytes, what: str) -> bytes:
    """The bytes of a function's name or a unique, which have no NUL; raises SettingsError."""
    encoded = octets(value, what) if isinstance(value, str) else value
    if b"\0" in encoded:
        raise SettingsError(f"{what} {value!r}: expected a name without NUL bytes")
    return encoded


def submission(
    function: bytes, unique: bytes, workload: bytes, priority: int, background: bool, run_at: float | None
) -> bytes:
    """The SUBMIT_JOB packet, of the kind that fits; ``run_at`` is Unix time.

    A job with ``run_at`` has normal priority and runs in the background, whatever is asked for.
    """
    if run_at is None:
        return request((BACKGROUND if background else FOREGROUND)[priority], function, unique, workload)
    # The wire has whole seconds: rounded up, so that no job is early.
    return request(SUBMIT_JOB_EPOCH, function, unique, b"%d" % -int(-run_at // 1), workload)


def extended_submission(
    function: bytes,
    unique: bytes,
    workload: bytes,
    priority: int,
    background: bool,
    due: Due | None,
    metadata: Mapping[str, str] | None,
) -> bytes:
    """The same for servers that have the extension, which leaves nothing out, and counts a delay themselves."""
    options: dict[str, object] = {"background": background, "priority": Priority(priority).name.lower()}
    if due is not None and due.delay is not None:
        options["delay"] = max(0.0, due.delay)
    elif due is not None:
        options["run_at"] = max(0.0, due.run_at)
    if metadata:
        options["metadata"] = dict(metadata)
    return request(SUBMIT_JOB_EXTENDED, function, unique, json.dumps(options).encode(), workload)


def needs_extension(priority: int, due: Due | None, metadata: Mapping[str, str] | None) -> str:
    """What of a job only a server with the extension can take; empty where any can."""
    if due is not None and priority != Priority.NORMAL:
        return f"at or delay with priority {Priority(priority).name}"
    return "metadata" if metadata else ""


def check_metadata(metadata: Mapping[str, str]) -> None:
    """Raise SettingsError for metadata that are no text."""
    # As objects: compiled code would take a wrong one for a mistake of ours.
    items: Iterable[tuple[object, object]] = metadata.items()
    for key, value in items:
        if not isinstance(key, str) or not isinstance(value, str):
            raise SettingsError(f"metadata {key!r}: {value!r}: expected text")


class Due(NamedTuple):
    """When a job may run."""

    run_at: float  # Unix time, by the client's clock
    delay: float | None = (
        None  # seconds from its submit, by the server's clock where that can count; else None
    )


def due_time(at: datetime | None, delay: float | timedelta | None, now: float) -> Due | None:
    """When a job may run; None where neither ``at`` nor ``delay`` is given. Raises SettingsError."""
    if delay is None:
        return None if at is None else Due(at.timestamp())
    if at is not None:
        raise SettingsError(f"at {at}, delay {delay}: expected only one of them")
    seconds = delay.total_seconds() if isinstance(delay, timedelta) else float(delay)
    return Due(now + seconds, seconds)


class UniqueSource:
    """Uniques for jobs that were given none: text in the form of a UUID version 1.

    The time field begins at ``now`` (Unix time in nanoseconds) and counts jobs from there; ``node`` (8 random
    bytes) stands for the network card, so that no machine's address gets out.
    """

    def __init__(self, now: int, node: bytes) -> None:
        self.time = now // 100 + 0x01B21DD213814000  # since the Gregorian calendar, as in RFC 9562
        clock = int.from_bytes(node[:2], "big") & 0x3FFF | 0x8000
        multicast = node[2] | 1  # marks a node that is no network card
        self.end = f"{clock:04x}-{multicast:02x}{node[3:8].hex()}"
        self.middle = ""  # of the text, while the low half of the time counts up
        self.low = 0xFFFFFFFF

    def next(self) -> bytes:
        """A unique that no other source gives."""
        self.low += 1
        if self.low > 0xFFFFFFFF or not self.middle:
            self.carry()
        return f"{self.low:08x}{self.middle}".encode()

    def carry(self) -> None:
        """Begin a new run of the low 32 bits of the time."""
        if self.middle:
            self.time = (self.time & ~0xFFFFFFFF) + (1 << 32)
        self.low = self.time & 0xFFFFFFFF
        high = self.time >> 32
        self.middle = f"-{high & 0xFFFF:04x}-{high >> 16 & 0x0FFF | 0x1000:04x}-{self.end}"
