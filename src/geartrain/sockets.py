"""Options of a socket that both shells set."""

from __future__ import annotations

import socket
from typing import Final

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
