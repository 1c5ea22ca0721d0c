"""The packet types of the binary protocol: number, name, arguments and sender, each in one row of a table.

``COMMANDS`` are Gearman's; ``EXTENSION`` are ours, for connections whose OPTION_REQ ``geartrain`` was granted.
"""

from __future__ import annotations

from typing import Final, NamedTuple

DEFAULT_PORT: Final = 4730

CAN_DO: Final = 1
CANT_DO: Final = 2
RESET_ABILITIES: Final = 3
PRE_SLEEP: Final = 4
UNUSED: Final = 5
NOOP: Final = 6
SUBMIT_JOB: Final = 7
JOB_CREATED: Final = 8
GRAB_JOB: Final = 9
NO_JOB: Final = 10
JOB_ASSIGN: Final = 11
WORK_STATUS: Final = 12
WORK_COMPLETE: Final = 13
WORK_FAIL: Final = 14
GET_STATUS: Final = 15
ECHO_REQ: Final = 16
ECHO_RES: Final = 17
SUBMIT_JOB_BG: Final = 18
ERROR: Final = 19
STATUS_RES: Final = 20
SUBMIT_JOB_HIGH: Final = 21
SET_CLIENT_ID: Final = 22
CAN_DO_TIMEOUT: Final = 23
ALL_YOURS: Final = 24
WORK_EXCEPTION: Final = 25
OPTION_REQ: Final = 26
OPTION_RES: Final = 27
WORK_DATA: Final = 28
WORK_WARNING: Final = 29
GRAB_JOB_UNIQ: Final = 30
JOB_ASSIGN_UNIQ: Final = 31
SUBMIT_JOB_HIGH_BG: Final = 32
SUBMIT_JOB_LOW: Final = 33
SUBMIT_JOB_LOW_BG: Final = 34
SUBMIT_JOB_SCHED: Final = 35
SUBMIT_JOB_EPOCH: Final = 36
SUBMIT_REDUCE_JOB: Final = 37
SUBMIT_REDUCE_JOB_BACKGROUND: Final = 38
GRAB_JOB_ALL: Final = 39
JOB_ASSIGN_ALL: Final = 40
GET_STATUS_UNIQUE: Final = 41
STATUS_RES_UNIQUE: Final = 42

SUBMIT_JOB_EXTENDED: Final = 128
GET_RESULT: Final = 129
RESULT_RES: Final = 130
CANCEL_JOB: Final = 131
CANCEL_RES: Final = 132
WORK_RETRY: Final = 133
JOB_CANCELLED: Final = 134
GRAB_JOB_EXTENDED: Final = 135
JOB_ASSIGN_EXTENDED: Final = 136
WORK_TOO_LARGE: Final = 137

LAST: Final = STATUS_RES_UNIQUE  # of the types that need no extension
EXTENSION_OPTION: Final = b"geartrain"  # what OPTION_REQ asks for the extension with
TOKEN_OPTION: Final = b"token:"  # what OPTION_REQ begins with that says who the peer is
STOPPING: Final = b"Server is stopping"  # the text of the ERROR with which a server that ends refuses a job


class Command(NamedTuple):
    """A packet type: all its arguments by name (the last one may hold NULs), and who sends it."""

    number: int
    name: str
    arguments: tuple[str, ...]
    sender: str  # "client", "worker", "server", "any", or "nobody"


COMMANDS: Final = (
    Command(CAN_DO, "CAN_DO", ("function",), "worker"),
    Command(CANT_DO, "CANT_DO", ("function",), "worker"),
    Command(RESET_ABILITIES, "RESET_ABILITIES", (), "worker"),
    Command(PRE_SLEEP, "PRE_SLEEP", (), "worker"),
    Command(UNUSED, "UNUSED", (), "nobody"),
    Command(NOOP, "NOOP", (), "server"),
    Command(SUBMIT_JOB, "SUBMIT_JOB", ("function", "unique", "workload"), "client"),
    Command(JOB_CREATED, "JOB_CREATED", ("handle",), "server"),
    Command(GRAB_JOB, "GRAB_JOB", (), "worker"),
    Command(NO_JOB, "NO_JOB", (), "server"),
    Command(JOB_ASSIGN, "JOB_ASSIGN", ("handle", "function", "workload"), "server"),
    Command(WORK_STATUS, "WORK_STATUS", ("handle", "numerator", "denominator"), "worker"),
    Command(WORK_COMPLETE, "WORK_COMPLETE", ("handle", "result"), "worker"),
    Command(WORK_FAIL, "WORK_FAIL", ("handle",), "worker"),
    Command(GET_STATUS, "GET_STATUS", ("handle",), "client"),
    Command(ECHO_REQ, "ECHO_REQ", ("echo",), "any"),
    Command(ECHO_RES, "ECHO_RES", ("echo",), "server"),
    Command(SUBMIT_JOB_BG, "SUBMIT_JOB_BG", ("function", "unique", "workload"), "client"),
    Command(ERROR, "ERROR", ("code", "text"), "server"),
    Command(STATUS_RES, "STATUS_RES", ("handle", "known", "running", "numerator", "denominator"), "server"),
    Command(SUBMIT_JOB_HIGH, "SUBMIT_JOB_HIGH", ("function", "unique", "workload"), "client"),
    Command(SET_CLIENT_ID, "SET_CLIENT_ID", ("id",), "worker"),
    Command(CAN_DO_TIMEOUT, "CAN_DO_TIMEOUT", ("function", "timeout"), "worker"),
    Command(ALL_YOURS, "ALL_YOURS", (), "worker"),
    Command(WORK_EXCEPTION, "WORK_EXCEPTION", ("handle", "exception"), "worker"),
    Command(OPTION_REQ, "OPTION_REQ", ("option",), "any"),
    Command(OPTION_RES, "OPTION_RES", ("option",), "server"),
    Command(WORK_DATA, "WORK_DATA", ("handle", "chunk"), "worker"),
    Command(WORK_WARNING, "WORK_WARNING", ("handle", "warning"), "worker"),
    Command(GRAB_JOB_UNIQ, "GRAB_JOB_UNIQ", (), "worker"),
    Command(JOB_ASSIGN_UNIQ, "JOB_ASSIGN_UNIQ", ("handle", "function", "unique", "workload"), "server"),
    Command(SUBMIT_JOB_HIGH_BG, "SUBMIT_JOB_HIGH_BG", ("function", "unique", "workload"), "client"),
    Command(SUBMIT_JOB_LOW, "SUBMIT_JOB_LOW", ("function", "unique", "workload"), "client"),
    Command(SUBMIT_JOB_LOW_BG, "SUBMIT_JOB_LOW_BG", ("function", "unique", "workload"), "client"),
    Command(
        SUBMIT_JOB_SCHED,
        "SUBMIT_JOB_SCHED",
        ("function", "unique", "minute", "hour", "mday", "month", "wday", "workload"),
        "client",
    ),
    Command(SUBMIT_JOB_EPOCH, "SUBMIT_JOB_EPOCH", ("function", "unique", "epoch", "workload"), "client"),
    # The published protocol text has no fourth argument here; libgearman and gearmand do.
    Command(
        SUBMIT_REDUCE_JOB,
        "SUBMIT_REDUCE_JOB",
        ("function", "unique", "reducer", "unused", "workload"),
        "client",
    ),
    Command(
        SUBMIT_REDUCE_JOB_BACKGROUND,
        "SUBMIT_REDUCE_JOB_BACKGROUND",
        ("function", "unique", "reducer", "unused", "workload"),
        "client",
    ),
    Command(GRAB_JOB_ALL, "GRAB_JOB_ALL", (), "worker"),
    Command(
        JOB_ASSIGN_ALL, "JOB_ASSIGN_ALL", ("handle", "function", "unique", "reducer", "workload"), "server"
    ),
    Command(GET_STATUS_UNIQUE, "GET_STATUS_UNIQUE", ("unique",), "client"),
    Command(
        STATUS_RES_UNIQUE,
        "STATUS_RES_UNIQUE",
        ("unique", "known", "running", "numerator", "denominator", "waiting"),
        "server",
    ),
)

EXTENSION: Final = (
    Command(
        SUBMIT_JOB_EXTENDED, "SUBMIT_JOB_EXTENDED", ("function", "unique", "options", "workload"), "client"
    ),
    Command(GET_RESULT, "GET_RESULT", ("handle",), "client"),
    Command(RESULT_RES, "RESULT_RES", ("handle", "state", "details", "result"), "server"),
    Command(CANCEL_JOB, "CANCEL_JOB", ("handle",), "client"),
    Command(CANCEL_RES, "CANCEL_RES", ("handle", "outcome"), "server"),
    Command(WORK_RETRY, "WORK_RETRY", ("handle", "delay", "error"), "worker"),
    Command(JOB_CANCELLED, "JOB_CANCELLED", ("handle", "reason"), "server"),
    Command(GRAB_JOB_EXTENDED, "GRAB_JOB_EXTENDED", (), "worker"),
    Command(
        JOB_ASSIGN_EXTENDED,
        "JOB_ASSIGN_EXTENDED",
        ("handle", "function", "unique", "details", "workload"),
        "server",
    ),
    Command(WORK_TOO_LARGE, "WORK_TOO_LARGE", ("handle", "error"), "worker"),
)

OF_JOBS: Final = frozenset(
    (
        WORK_STATUS,
        WORK_COMPLETE,
        WORK_FAIL,
        WORK_EXCEPTION,
        WORK_DATA,
        WORK_WARNING,
        WORK_RETRY,
        WORK_TOO_LARGE,
    )
)
"""What a worker says of a job: the handle is the first argument."""

BY_NUMBER: Final = {command.number: command for command in COMMANDS + EXTENSION}

NAMES: Final = {number: command.name for number, command in BY_NUMBER.items()}

SEPARATORS: Final = [
    max(0, len(BY_NUMBER[number].arguments) - 1) if number in BY_NUMBER else 0
    for number in range(max(BY_NUMBER) + 1)
]
"""By packet type: how many NULs part its arguments. What follows the last of them may hold NULs itself."""
