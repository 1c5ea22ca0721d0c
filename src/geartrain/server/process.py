"""The server as a process: what it is given by the system, which signals end it, and how it ends."""

from __future__ import annotations

import asyncio
import encodings.idna  # noqa: F401  to resolve names, after --user has put Python's files out of reach
import gc
import logging
import os
import resource
import signal
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from socket import socket
from typing import IO, TYPE_CHECKING, Final

from geartrain.errors import SettingsError, StoreError
from geartrain.pool.address import is_pool
from geartrain.server.certificates import Certificates, certificates_of, renew, tell_about
from geartrain.server.configuration import Configuration, read_configuration
from geartrain.server.cron import next_tick
from geartrain.server.desk import Desk, OwnDesk
from geartrain.server.http_listeners import check_web, open_gear_http, open_http
from geartrain.server.listeners import Listener, address_of, open_listeners, remove_socket_files
from geartrain.server.log import NOTICE, open_log, reopen_log
from geartrain.server.pooled import check_pool, pool_desk
from geartrain.server.readings import ServerReadings
from geartrain.server.server import Server, payload_limit_of, rules_of
from geartrain.server.settings import IGNORED, Settings
from geartrain.server.tls_options import unused
from geartrain.store import Store, default_url, open_store
from geartrain.user import become

if TYPE_CHECKING:
    from geartrain.server.gear_web import GearWeb
    from geartrain.server.web import Web

LOOPS: Final = import_module("uvloop" if find_spec("uvloop") else "asyncio")
SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGHUP)
GC_THRESHOLDS: Final = (500_000, 50, 100)
TLS_MARK: Final[tuple[dict[str, object], ...]] = ({}, {"tls": True})  # what the log adds for an address


def run(settings: Settings, configuration: Configuration) -> None:
    """Be a job server until a signal ends it; raises SettingsError when it cannot start.

    Whatever can fail is done before the process leaves the terminal, so that whoever started it hears of it.
    """
    # One that comes before there is somebody to hear it waits.
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    allow_files(settings.file_descriptors)
    check_user(settings.user)
    if not settings.store:
        settings = replace(settings, store=default_url(os.environ, os.geteuid()))
    if is_pool(settings.store):
        check_pool(settings)
    store = open_kept(settings)  # first of all: its process needs files that may be out of reach for the user
    check_web(settings)
    certificates = certificates_of(settings)
    become(settings.user)
    log = open_log(settings)
    pid_file = open_pid_file(settings.pid_file)
    listeners = open_listeners(settings)
    web_listeners = open_http(settings)
    gear_listeners = open_gear_http(settings)
    if settings.daemon:
        leave_terminal()
    write_pid(pid_file)
    try:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(
                serve(
                    settings,
                    configuration,
                    listeners,
                    web_listeners,
                    gear_listeners,
                    log,
                    store,
                    certificates,
                )
            )
    finally:
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


def relax_collector() -> None:
    """Keep the garbage collector from walking over a long queue again and again.

    A job has no reference cycle: it is gone when the last name for it is. But each is a container that the collector
    knows, so a burst of a million jobs makes it look through all of them many times, in vain. What the program itself
    is made of is never looked at again; cycles of ended connections are still found, just later. (Measured, pure
    Python: 400,000 submissions in a burst take 1.1 s instead of 1.7 s.)
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


# The life of a server


async def serve(
    settings: Settings,
    configuration: Configuration,
    listeners: Sequence[Listener],
    web_listeners: Sequence[socket],
    gear_listeners: Sequence[socket],
    log: logging.Logger,
    store: Store | None,
    certificates: Certificates | None,
) -> None:
    """Run a server on the listeners until a signal ends it; raises SettingsError where its jobs cannot be read."""
    desk: Callable[[Server], Desk] = partial(own_desk, store)
    if is_pool(settings.store):
        desk = partial(pool_desk, listeners)
    server = Server(settings, log, desk, certificates)
    server.desk.configure(configuration.apply)
    server.gatekeeper.take(configuration.access)
    readings = ServerReadings(server)
    server.desk.tell_about(readings.about)
    webs = webs_for(server, readings, web_listeners, gear_listeners)
    end = End(server, settings, webs)
    addresses = [(address_of(listener), listener.tls) for listener in listeners]
    web_addresses = [(address_of(listener), settings.http_tls) for listener in web_listeners]
    web_addresses += [(address_of(listener), False) for listener in gear_listeners]
    gc.disable()  # in vain it would look through the jobs again and again while they come
    try:
        await server.start(listeners)
    except StoreError as error:
        raise SettingsError(str(error)) from None
    gc.enable()
    for web in webs:
        await web.start()
    relax_collector()
    end.watch_signals(partial(hang_up, server, configuration.path))
    for address, tls in addresses:
        log.log(NOTICE, "listening", extra={"address": address, **TLS_MARK[tls], "pid": os.getpid()})
    for address, tls in web_addresses:
        log.log(NOTICE, "serving HTTP", extra={"address": address, **TLS_MARK[tls]})
    server.gatekeeper.warn([*listeners, *web_listeners, *gear_listeners])
    if certificates is not None:
        tell_about(certificates, log)
    log.log(NOTICE, "keeping jobs", extra={**server.desk.counts()})
    for option in IGNORED:
        if option.name in settings.ignored:
            log.log(NOTICE, "option without effect", extra={"option": option.name, "reason": option.reason})
    for name in unused(settings):
        log.log(NOTICE, "option without effect", extra={"option": name, "reason": "it belongs to --ssl"})
    await end.reached.wait()


def own_desk(store: Store | None, server: Server) -> Desk:
    """A broker of the server's own."""
    settings = server.settings
    desk = OwnDesk(
        rules_of(settings),
        payload_limit_of(settings),
        store,
        settings.store,
        server.write,
        server.read_turns,
        server.log,
    )
    desk.broker.schedules.calendar = next_tick
    return desk


def webs_for(
    server: Server, readings: ServerReadings, listeners: Sequence[socket], gear_listeners: Sequence[socket]
) -> list[Web | GearWeb]:
    """The web servers of ``--http`` and ``--protocol http``."""
    webs: list[Web | GearWeb] = []
    if listeners:
        from geartrain.server.web import Web

        webs.append(Web(server, readings, listeners))
    if gear_listeners:
        from geartrain.server.gear_web import GearWeb

        webs.append(GearWeb(server, gear_listeners))
    return webs


def hang_up(server: Server, path: str) -> None:
    """SIGHUP: open the log's file anew, and let what certificates and configuration file say hold, if it is right."""
    reopen_log()
    if server.certificates is not None:
        renew(server.certificates, server.log)
    if not path:
        return
    try:
        configuration = read_configuration(path)
    except SettingsError as error:
        server.log.error("the configuration is refused, the old one holds", extra={"error": str(error)})
        return
    server.set_time()
    server.desk.configure(configuration.apply)
    server.gatekeeper.take(configuration.access)
    server.end_turns()
    sizes = {name: len(table) for name, table in configuration.sections.items()}
    if configuration.access is not None:
        sizes["access"] = len(configuration.access.grants)
    server.log.log(NOTICE, "configuration read again", extra={"file": path, **sizes})


class End:
    """The end of a server, as signals ask for it: the latest of them says how."""

    def __init__(self, server: Server, settings: Settings, webs: Sequence[Web | GearWeb]) -> None:
        self.server = server
        self.settings = settings
        self.webs = webs
        self.reached = asyncio.Event()
        self.stopping = False
        self.way: asyncio.Task[None] | None = None  # None while the server is to go on

    def watch_signals(self, hang_up: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        for number, act in zip(SIGNALS, (self.stop, self.stop, self.finish, hang_up), strict=True):
            loop.add_signal_handler(number, act)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)

    def stop(self) -> None:
        """End when the running jobs are done or their grace is over; asked again, end at once."""
        grace = 0.0 if self.stopping else self.settings.grace
        self.stopping = True
        self.server.log.log(NOTICE, "stopping", extra={"grace": grace})
        self.begin(self.stop_all(grace))

    def finish(self) -> None:
        """End when no job is left."""
        if self.stopping:
            return
        self.server.log.log(NOTICE, "finishing", extra={"until": "no job is left"})
        self.begin(self.finish_and_stop())

    async def finish_and_stop(self) -> None:
        await self.server.finish()
        await self.stop_all(self.settings.grace)

    async def stop_all(self, grace: float) -> None:
        """Stop the server, and the web servers around it: who waits for a job there hears of its end."""
        for web in self.webs:
            web.close()
        await self.server.stop(grace)
        for web in self.webs:
            await web.stop()

    def begin(self, way: Coroutine[None, None, None]) -> None:
        """End in this way, rather than in the one that was begun before."""
        if self.way is None:
            # At once, because the next server may listen there as soon as this one does not.
            remove_socket_files(self.settings)
        else:
            self.way.cancel()
        self.way = asyncio.create_task(way)
        self.way.add_done_callback(self.ended)

    def ended(self, way: asyncio.Task[None]) -> None:
        if way.cancelled():
            return
        if way.exception() is not None:
            self.server.log.error("the end went wrong", exc_info=way.exception())
        self.reached.set()
