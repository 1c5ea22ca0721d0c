"""Socket activation: listening sockets that the service manager has opened, and keeps while the server is away.

Whoever connects between the end of one server and the start of the next then waits, and is not refused.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, MutableMapping
from typing import Final

from geartrain.errors import SettingsError
from geartrain.server.listeners import Listener, address_of

FIRST: Final = 3  # the file descriptor of the first socket
GEAR: Final = "gear"
TLS: Final = "tls"
HTTP: Final = "http"
NAMES: Final = (GEAR, TLS, HTTP)
VARIABLES: Final = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")

Activated = dict[str, list[Listener]]  # listening, non-blocking sockets by what they are for


def take_activated(environment: MutableMapping[str, str]) -> Activated:
    """The sockets that were passed to this process; the environment of its children says nothing of them.

    Raises SettingsError where one is no socket that can be listened on, or nobody knows what it is for.
    """
    pid, count, names = (environment.pop(name, "") for name in VARIABLES)
    if pid != str(os.getpid()):
        return {}
    if not count.isdecimal():
        raise SettingsError(f"LISTEN_FDS wants the number of sockets passed, got {count!r}")
    purposes = names.split(":") if names else [GEAR] * int(count)
    if len(purposes) != int(count):
        raise SettingsError(f"LISTEN_FDNAMES wants {count} names, as LISTEN_FDS says, got {names!r}")
    return sorted_by_purpose(enumerate(purposes, FIRST))


def sorted_by_purpose(passed: Iterable[tuple[int, str]]) -> Activated:
    activated: Activated = {}
    for number, purpose in passed:
        if purpose not in NAMES:
            raise SettingsError(
                f"the passed socket {number} is named {purpose!r}; "
                f"expected one of {', '.join(NAMES)} (FileDescriptorName=)"
            )
        activated.setdefault(purpose, []).append(adopt(number, purpose))
    return activated


def adopt(number: int, purpose: str) -> Listener:
    """A passed descriptor as a listening socket of ours."""
    os.set_inheritable(number, False)
    try:
        listener = Listener(fileno=number)
    except OSError as error:
        raise unfit(number, error.strerror) from None
    reason = defect(listener)
    if reason:
        listener.close()
        raise unfit(number, reason)
    listener.setblocking(False)
    listener.given = address_of(listener)
    listener.tls = purpose == TLS
    return listener


def defect(listener: socket.socket) -> str:
    """Why nobody can connect to a socket and speak; empty where peers can."""
    if listener.family not in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX):
        return f"it is of {listener.family!r}"
    if listener.type != socket.SOCK_STREAM:
        return f"it is of {listener.type!r}"
    if not listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        return "it does not listen (Accept=no is expected)"
    return ""


def unfit(number: int, reason: object) -> SettingsError:
    return SettingsError(
        f"the passed descriptor {number} is no listening TCP or UNIX stream socket: {reason}"
    )
