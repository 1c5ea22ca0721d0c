"""Refusals: what a peer hears of a packet that cannot be taken, wherever in a pool that is found out."""

from __future__ import annotations

from typing import Final

from geartrain.broker.model import FUNCTION_LIMIT
from geartrain.protocol.commands import BY_NUMBER, ERROR, NAMES, SEPARATORS, STOPPING
from geartrain.protocol.packet import NUL, response

WRONG_MAGIC: Final = response(ERROR, b"INVALID_MAGIC", b"Request magic expected")
NOT_EXPECTED: Final = response(ERROR, b"INVALID_COMMAND", b"Command not expected")
UNKNOWN_OPTION: Final = response(ERROR, b"UNKNOWN_OPTION", b"Server does not recognize given option")
REFUSED_AT_THE_END: Final = response(ERROR, b"QUEUE_ERROR", STOPPING)

JOB_NOT_FOUND: Final = b"JOB_NOT_FOUND"
NO_SUCH_JOB: Final = b"Job does not exist on server"
NO_SUCH_RESULT: Final = b"Job given in work result not found"
NO_SUCH_EXCEPTION: Final = b"An exception was received for a job that does not exist"
NO_SUCH_RETRY: Final = b"Job to be run again not found"

LONGEST_OPTION: Final = 4096  # bytes
LONGEST_CLIENT_ID: Final = 255  # bytes
QUOTED: Final = 200  # bytes of what a peer chose, in a log or an answer
WORKER_COMMANDS: Final = {number for number, command in BY_NUMBER.items() if command.sender == "worker"}


def too_short(command: int, arguments: list[bytes]) -> bytes:
    """The answer to a client's packet with fewer arguments than its type has."""
    text = f"{NAMES[command]} has {len(arguments)} arguments, expected {SEPARATORS[command] + 1}"
    return response(ERROR, b"INVALID_PACKET", text.encode())


def too_long(what: str, size: int, most: int) -> bytes:
    """The answer to an argument of too many bytes."""
    return response(ERROR, b"ARGUMENT_TOO_LARGE", f"{what} of {size} bytes, expected at most {most}".encode())


def name_fault(name: bytes) -> str:
    """Why it is no function's name, with its beginning; empty where it is one."""
    if 0 < len(name) <= FUNCTION_LIMIT and NUL not in name:
        return ""
    shown = name[:QUOTED].decode("utf-8", "backslashreplace")
    return f"function name {shown!r} of {len(name)} bytes, expected 1 to {FUNCTION_LIMIT} without NUL"


def ability_fault(name: bytes) -> str:
    """Why a worker's function is left out, for the log; empty when it is not."""
    fault = name_fault(name)
    return f"CAN_DO ignored: {fault}" if fault else ""
