"""Sockets: those the server listens on, and what is set on those it accepts."""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from geartrain.errors import SettingsError
from geartrain.server.options import UNIX
from geartrain.server.settings import Settings
from geartrain.server.tls_options import split_place

EVERYWHERE: Final = "*"
NO_SUCH_FAMILY: Final = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


class Listener(socket.socket):
    """A listening socket of the server's own, which knows what it is for."""

    given = ""  # where, as an option has it
    tls = False  # its connections speak TLS


def given(listener: socket.socket) -> str:
    """Where a socket listens, as an option has it."""
    return listener.given if isinstance(listener, Listener) else ""


def open_listeners(settings: Settings) -> list[Listener]:
    """Listening, non-blocking sockets for all of ``listen`` and ``listen_tls``; SettingsError when one cannot be had.

    A port of 0 is the same free port on every address. Who asks for TLS alone gets no plain port.
    """
    listeners: list[Listener] = []
    try:
        for where in settings.listen or (() if settings.listen_tls else (EVERYWHERE,)):
            open_at(where, listeners, settings)
        for place in settings.listen_tls:
            open_tls_at(place, listeners, settings.backlog)
    except BaseException:
        for listener in listeners:
            listener.close()
        raise
    return listeners


def open_at(where: str, listeners: list[Listener], settings: Settings) -> None:
    """Listen on all that ``where`` stands for."""
    if where.startswith(UNIX):
        listeners.append(open_unix(where.removeprefix(UNIX), settings.backlog))
        listeners[-1].given = where
        return
    for listener in open_all(resolve(where), port_after(listeners, settings), settings.backlog):
        listener.given = where
        listener.tls = settings.ssl
        listeners.append(listener)


def open_tls_at(place: str, listeners: list[Listener], backlog: int) -> None:
    """The same for TLS, with a port of its own."""
    host, port = split_place(place)
    for listener in open_all(resolve(host, "--listen-tls"), port, backlog):
        listener.given = place
        listener.tls = True
        listeners.append(listener)


def open_all(addresses: Sequence[tuple[int, str]], port: int, backlog: int) -> list[Listener]:
    """Listen on all the addresses of a host; a machine may lack IPv4 or IPv6, but not both."""
    listeners: list[Listener] = []
    lacking = []
    for family, host in addresses:
        if listeners:
            port = listeners[0].getsockname()[1]
        try:
            listeners.append(bind(family, (host, port), backlog))
        except OSError as error:
            lacking.append(error)
            if error.errno not in NO_SUCH_FAMILY or len(lacking) == len(addresses):
                for listener in listeners:
                    listener.close()
                raise refused(name_of(host, port), error) from None
    return listeners


def open_unix(path: str, backlog: int) -> Listener:
    try:
        remove_stale(path)
        return bind(socket.AF_UNIX, path, backlog)
    except OSError as error:
        raise refused(f"{UNIX}{path}", error) from None


def port_after(listeners: Sequence[socket.socket], settings: Settings) -> int:
    """The port for one more address: where any would do, the one that the first address got."""
    for listener in listeners:
        if listener.family != socket.AF_UNIX:
            port: int = listener.getsockname()[1]
            return port
    return settings.port


def resolve(where: str, option: str = "--listen") -> list[tuple[int, str]]:
    """The addresses of a host, each once."""
    if where == EVERYWHERE:
        return [(socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")]
    host = where[1:-1] if where.startswith("[") and where.endswith("]") else where
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError):
        raise SettingsError(
            f"{option} wants an address, a host name, [IPv6] or unix:PATH, got {where!r}"
        ) from None
    return list(dict.fromkeys((int(family), str(address[0])) for family, _, _, _, address in found))


def bind(family: int, address: str | tuple[str, int], backlog: int) -> Listener:
    listener = Listener(family, socket.SOCK_STREAM)
    try:
        if family != socket.AF_UNIX:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
        listener.listen(backlog)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


def remove_stale(path: str) -> None:
    """Remove the socket file of a server that is gone; whatever else is there stays, and binding says so."""
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            return
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX) as probe:
        if probe.connect_ex(path) == errno.ECONNREFUSED:
            os.unlink(path)


def remove_socket_files(settings: Settings) -> None:
    """Remove what ``unix:`` addresses left in the file system."""
    for where in (*settings.listen, *settings.http):
        if where.startswith(UNIX):
            Path(where.removeprefix(UNIX)).unlink(missing_ok=True)


def refused(where: str, error: OSError) -> SettingsError:
    return SettingsError(f"cannot listen on {where}: {error.strerror or error}")


def name_of(host: str, port: int) -> str:
    """An address as it is written: 127.0.0.1:4730, [::1]:4730."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_beyond_loopback(listener: socket.socket) -> bool:
    """Whether other machines may reach it."""
    address = listener.getsockname()
    return not isinstance(address, str) and not ip_address(address[0].partition("%")[0]).is_loopback


def address_of(listener: socket.socket) -> str:
    """Where a socket listens, as it is written."""
    address = listener.getsockname()
    return f"{UNIX}{address}" if isinstance(address, str) else name_of(address[0], address[1])


def tune_early(accepted: socket.socket, settings: Settings) -> None:
    """Tune a connection that was there before its listener was tuned: while the jobs were loaded, for one."""
    if accepted.family != socket.AF_UNIX and not accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY):
        tune(accepted, settings)


def tune(listener: socket.socket, settings: Settings) -> None:
    """Have its connections send small packets at once, and notice within about a minute that a peer's machine is gone.

    What a listener is set to, the connections that come from then on are born with.

    There is no TCP_USER_TIMEOUT: it would also end a peer that is there and does not read for a while, such as a
    client whose output somebody pages through; ``max_output`` is the limit for those.
    """
    if listener.family == socket.AF_UNIX:
        return
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        (socket.TCP_KEEPIDLE, settings.keepalive_idle),
        (socket.TCP_KEEPINTVL, settings.keepalive_interval),
        (socket.TCP_KEEPCNT, settings.keepalive_count),
    ):
        if value > 0:
            listener.setsockopt(socket.IPPROTO_TCP, name, value)
