"""What both shells ask of sockets, also where the system, or eventlet, has no ``poll``."""

from __future__ import annotations

import select
import socket
from collections.abc import Mapping
from typing import Final

READABLE: Final = getattr(select, "POLLIN", 1)
WRITABLE: Final = getattr(select, "POLLOUT", 4)
DONT_WAIT: Final = getattr(socket, "MSG_DONTWAIT", 0)  # without it a send waits for the server to read

KEEPALIVE: Final = (  # a server that vanished without a word is noticed within two minutes
    ("TCP_KEEPIDLE", 60),
    ("TCP_KEEPINTVL", 15),
    ("TCP_KEEPCNT", 4),
)


def set_options(connected: socket.socket) -> None:
    """Send small packets at once, and notice a dead server; for TCP."""
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in KEEPALIVE:
        if hasattr(socket, option):
            connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


def poll(events: Mapping[int, int], milliseconds: float | None) -> list[tuple[int, int]]:
    """Wait for events by descriptor, ``READABLE`` and ``WRITABLE``; what happened, nothing when the time is over."""
    if not hasattr(select, "poll"):
        return poll_by_select(events, milliseconds)
    poller = select.poll()
    for descriptor, wanted in events.items():
        poller.register(descriptor, wanted)
    return poller.poll(milliseconds)


def poll_by_select(events: Mapping[int, int], milliseconds: float | None) -> list[tuple[int, int]]:
    """The same by ``select``, as Windows and eventlet have it."""
    readers = [descriptor for descriptor, wanted in events.items() if wanted & READABLE]
    writers = [descriptor for descriptor, wanted in events.items() if wanted & WRITABLE]
    timeout = None if milliseconds is None else milliseconds / 1000
    readable, writable, _ = select.select(readers, writers, [], timeout)
    happened = dict.fromkeys(readable, READABLE)
    for descriptor in writable:
        happened[descriptor] = happened.get(descriptor, 0) | WRITABLE
    return list(happened.items())
