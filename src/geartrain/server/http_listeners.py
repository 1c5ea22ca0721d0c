"""What ``--http`` needs before the server is anybody's: its sockets, and its libraries."""

from __future__ import annotations

import socket
from dataclasses import replace
from importlib import import_module

from geartrain.errors import SettingsError
from geartrain.server.listeners import EVERYWHERE, Listener, open_all, open_listeners, open_unix, resolve
from geartrain.server.options import UNIX
from geartrain.server.settings import Settings


def check_web(settings: Settings, activated: bool) -> None:
    """Import the web servers now, as --user may put Python's files out of reach; raises SettingsError without them.

    ``activated``: the process was passed a socket for HTTP.
    """
    try:
        if settings.http or activated:
            import_module("geartrain.server.web")
        if settings.protocol == "http":
            import_module("geartrain.server.gear_web")
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"--http wants the package {error.name}: pip install 'geartrain[server]'"
        ) from None


def open_http(settings: Settings) -> list[Listener]:
    """Listening, non-blocking sockets for everything in ``http``; raises SettingsError when one cannot be had."""
    listeners: list[Listener] = []
    try:
        for where in settings.http:
            listeners += open_at(where, settings.backlog)
    except BaseException:
        for listener in listeners:
            listener.close()
        raise
    return listeners


def open_at(where: str, backlog: int) -> list[Listener]:
    """Listen on all that ``where`` stands for."""
    if where.startswith(UNIX):
        listeners = [open_unix(where.removeprefix(UNIX), backlog)]
    else:
        host, _, port = where.rpartition(":")
        listeners = open_all(resolve(host, "--http"), int(port), backlog)
    for listener in listeners:
        listener.given = where
    return listeners


def open_gear_http(settings: Settings) -> list[socket.socket]:
    """Listening, non-blocking sockets for ``--protocol http``, on the addresses where packets are taken."""
    if settings.protocol != "http":
        return []
    addresses = tuple(where for where in settings.listen or (EVERYWHERE,) if not where.startswith(UNIX))
    if not addresses:
        raise SettingsError(f"--protocol http wants an address in --listen, got {' '.join(settings.listen)}")
    plain = replace(settings, listen=addresses, listen_tls=(), ssl=False, port=settings.http_port)
    return [*open_listeners(plain)]
