"""The server as a process: what it is given by the system."""

from __future__ import annotations

import asyncio
import encodings.idna  # noqa: F401  to resolve names, after --user has put Python's files out of reach
import os
import resource
import signal
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Final

from geartrain.errors import SettingsError, StoreError
from geartrain.pool.address import is_pool
from geartrain.server.activation import GEAR, HTTP, TLS, Activated, take_activated
from geartrain.server.certificates import certificates_of
from geartrain.server.configuration import Configuration
from geartrain.server.end import SIGNALS
from geartrain.server.http_listeners import check_web, open_gear_http, open_http
from geartrain.server.life import Equipment, serve
from geartrain.server.listeners import Listener, open_listeners
from geartrain.server.log import NOTICE, open_log
from geartrain.server.notify import Notifier
from geartrain.server.pooled import check_pool
from geartrain.server.settings import Settings
from geartrain.store import Store, default_url, open_store
from geartrain.user import become

LOOPS: Final = import_module("uvloop" if find_spec("uvloop") else "asyncio")


def run(settings: Settings, configuration: Configuration) -> None:
    """Be a job server until a signal ends it; raises SettingsError when it cannot start.

    Whatever can fail is done before the process leaves the terminal, so that whoever started it hears of it.
    """
    # One that comes before there is somebody to hear it waits.
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    activated = take_activated(os.environ)
    notifier = Notifier(os.environ)
    allow_files(settings.file_descriptors)
    check_user(settings.user)
    if not settings.store:
        settings = replace(settings, store=default_url(os.environ, os.geteuid()))
    if is_pool(settings.store):
        check_pool(settings)
    store = open_kept(settings)  # first of all: its process needs files that may be out of reach for the user
    check_web(settings, HTTP in activated)
    certificates = certificates_of(settings)
    become(settings.user)
    log = open_log(settings)
    pid_file = open_pid_file(settings.pid_file)
    equipment = Equipment(
        settings,
        configuration,
        log,
        store,
        listeners_of(settings, activated),
        [*activated.get(HTTP, []), *open_http(settings)],
        open_gear_http(settings),
        certificates,
        notifier,
    )
    if settings.daemon:
        leave_terminal()
    write_pid(pid_file)
    try:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(serve(equipment))
    finally:
        notifier.end()
        if settings.pid_file:
            Path(settings.pid_file).unlink(missing_ok=True)
    log.log(NOTICE, "ended")


# What the system gives


def allow_files(wanted: int) -> None:
    """Let the process open that many files; 0 is as many as it may."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    ceiling = most if most == resource.RLIM_INFINITY else max(wanted, most)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted or most, ceiling))
    except (OSError, ValueError):
        raise SettingsError(f"--file-descriptors wants at most {most} for this user, got {wanted}") from None


def check_user(user: str) -> None:
    """See to it that the process can become another user, if it is to."""
    if user and os.geteuid() != 0:
        raise SettingsError(f"--user wants to be given by root, got {user!r} from {os.geteuid()}")


def open_kept(settings: Settings) -> Store | None:
    """The store, which has the file by now; raises SettingsError where it cannot be used. None for a pool's."""
    if is_pool(settings.store):
        return None
    try:
        return open_store(
            settings.store,
            settings.durability,
            settings.workload_memory,
            settings.user,
            silent=settings.daemon,
        )
    except StoreError as error:
        raise SettingsError(f"--store {settings.store}: {error}") from None


def listeners_of(settings: Settings, activated: Activated) -> list[Listener]:
    """The sockets passed to the process, and those of --listen and --listen-tls where given, or none is passed."""
    plain, tls = activated.get(GEAR, []), activated.get(TLS, [])
    if tls and not (settings.tls_certificate or settings.ssl):
        raise SettingsError("the passed socket named 'tls' wants --tls-certificate FILE as well")
    for listener in plain:
        listener.tls = settings.ssl
    opens = settings.listen or settings.listen_tls or not (plain or tls)
    return [*plain, *tls, *(open_listeners(settings) if opens else [])]


def open_pid_file(path: str) -> IO[str] | None:
    if not path:
        return None
    try:
        return open(path, "w", encoding="ascii")
    except OSError as error:
        raise SettingsError(f"cannot write the process id to {path}: {error.strerror}") from None


def write_pid(file: IO[str] | None) -> None:
    if file is not None:
        with file:
            file.write(f"{os.getpid()}\n")


def leave_terminal() -> None:
    """Go on in the background: the process that was started ends here, with exit status 0."""
    if os.fork():
        os._exit(0)
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    os.close(nothing)


def new_event_loop() -> asyncio.AbstractEventLoop:
    """uvloop's, where it is installed."""
    loop: asyncio.AbstractEventLoop = LOOPS.new_event_loop()
    return loop
