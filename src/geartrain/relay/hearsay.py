"""What packets say that a leader did not hear itself: submits of clients that wait, and how far workers have come."""

from __future__ import annotations

from typing import Final

from geartrain.broker.model import HIGH, LOW, NORMAL
from geartrain.broker.submit_options import submit_options
from geartrain.broker.takeover import Submit
from geartrain.errors import SettingsError
from geartrain.protocol.commands import (
    NAMES,
    SEPARATORS,
    SUBMIT_JOB,
    SUBMIT_JOB_EXTENDED,
    SUBMIT_JOB_HIGH,
    SUBMIT_JOB_LOW,
    SUBMIT_REDUCE_JOB,
    WORK_COMPLETE,
    WORK_DATA,
    WORK_EXCEPTION,
    WORK_FAIL,
    WORK_STATUS,
    WORK_WARNING,
)
from geartrain.protocol.packet import HEADER, HEADER_SIZE, NUL, completed

PRIORITY_OF: Final = {
    SUBMIT_JOB: NORMAL,
    SUBMIT_JOB_HIGH: HIGH,
    SUBMIT_JOB_LOW: LOW,
    SUBMIT_REDUCE_JOB: NORMAL,
    SUBMIT_JOB_EXTENDED: NORMAL,
}
"""The packets of foreground jobs; one of the extension has its priority among its options."""

LAST_WORDS: Final = (WORK_COMPLETE, WORK_FAIL, WORK_EXCEPTION)
TOLD: Final = (WORK_DATA, WORK_WARNING, WORK_STATUS, *LAST_WORDS)  # what clients hear of jobs they wait for


def submit_of(packet: bytes) -> Submit:
    """What a SUBMIT packet of a foreground job says; raises SettingsError where it is none, or has a wrong option."""
    if len(packet) < HEADER_SIZE:
        raise SettingsError(f"a packet of {len(packet)} bytes, at least {HEADER_SIZE} are expected")
    command: int = HEADER.unpack_from(packet)[1]
    if command not in PRIORITY_OF:
        raise SettingsError(f"a packet of type {command}, the submit of a foreground job is expected")
    arguments = packet[HEADER_SIZE:].split(NUL, SEPARATORS[command])
    if len(arguments) <= SEPARATORS[command]:
        text = f"{NAMES[command]} has {len(arguments)} arguments, expected {SEPARATORS[command] + 1}"
        raise SettingsError(text)
    if command == SUBMIT_JOB_EXTENDED:
        return extended_submit(arguments)
    reducer = arguments[2] if command == SUBMIT_REDUCE_JOB else b""
    return Submit(arguments[0], arguments[1], reducer, arguments[-1], PRIORITY_OF[command], b"")


def extended_submit(arguments: list[bytes]) -> Submit:
    """What SUBMIT_JOB_EXTENDED says."""
    options = submit_options(arguments[2])
    return Submit(
        arguments[0], arguments[1], options.reducer, arguments[3], options.priority, options.metadata
    )


def progress_of(packet: bytes) -> tuple[bytes, bytes]:
    """Numerator and denominator of a WORK_STATUS packet; empty where they are left out."""
    arguments = completed(WORK_STATUS, packet[HEADER_SIZE:].split(NUL, SEPARATORS[WORK_STATUS]))
    return arguments[1], arguments[2]


def told_of(packet: bytes) -> bytes:
    """The handle of the job that a server's packet tells a waiting client of; empty where it tells nobody of any."""
    if len(packet) < HEADER_SIZE or packet[0] != 0:
        return b""
    if HEADER.unpack_from(packet)[1] not in TOLD:
        return b""
    return packet[HEADER_SIZE:].split(NUL, 1)[0]


def is_last_word(packet: bytes) -> bool:
    """Whether nothing more of its job comes after a packet."""
    return HEADER.unpack_from(packet)[1] in LAST_WORDS
