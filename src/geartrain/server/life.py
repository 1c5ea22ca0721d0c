"""The life of a server on its loop: how it begins, what it tells, and what it reads again."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from socket import socket
from typing import TYPE_CHECKING, Any, NamedTuple

from geartrain.errors import SettingsError, StoreError
from geartrain.pool.address import is_pool
from geartrain.server.certificates import Certificates, renew, tell_about
from geartrain.server.collector import Collector
from geartrain.server.configuration import Configuration, read_configuration
from geartrain.server.cron import next_tick
from geartrain.server.desk import Desk, OwnDesk
from geartrain.server.end import End
from geartrain.server.listeners import Listener, address_of
from geartrain.server.log import NOTICE, reopen_log
from geartrain.server.notify import Notifier
from geartrain.server.pooled import pool_desk
from geartrain.server.readings import ServerReadings
from geartrain.server.server import Server, payload_limit_of, rules_of
from geartrain.server.settings import IGNORED, Settings
from geartrain.server.tls_options import unused
from geartrain.store import Store

if TYPE_CHECKING:
    from geartrain.server.gear_web import GearWeb
    from geartrain.server.web import Web


class Equipment(NamedTuple):
    """What the process has before its loop begins."""

    settings: Settings
    configuration: Configuration
    log: logging.Logger
    store: Store | None  # None in memory, and in a pool
    listeners: Sequence[Listener]
    web_listeners: Sequence[socket]
    gear_listeners: Sequence[socket]
    certificates: Certificates | None  # None where nothing speaks TLS
    notifier: Notifier


async def serve(equipment: Equipment) -> None:
    """Run a server until a signal ends it; raises SettingsError where its jobs cannot be read."""
    settings, configuration, log = equipment.settings, equipment.configuration, equipment.log
    desk: Callable[[Server], Desk] = partial(own_desk, equipment.store)
    if is_pool(settings.store):
        desk = partial(pool_desk, equipment.listeners)
    server = Server(settings, log, desk, equipment.certificates)
    server.loop.set_exception_handler(partial(unexpected, server))
    server.desk.configure(configuration.apply)
    server.gatekeeper.take(configuration.access)
    readings = ServerReadings(server)
    server.desk.tell_about(readings.about)
    webs = webs_for(server, readings, equipment)
    end = End(server, settings, webs, equipment.notifier)
    equipment.notifier.begin(partial(described, server))
    places = list(places_of(equipment))  # now: a server that is about to end has closed them
    gc.disable()  # in vain it would look through the jobs again and again while they come
    try:
        await server.start(equipment.listeners)
    except StoreError as error:
        raise SettingsError(str(error)) from None
    gc.enable()
    for web in webs:
        await web.start()
    Collector(partial(jobs_of, server)).start()
    end.watch_signals(partial(hang_up, server, configuration.path, equipment.notifier))
    for message, fields in places:
        log.log(NOTICE, message, extra=fields)
    server.gatekeeper.warn([*equipment.listeners, *equipment.web_listeners, *equipment.gear_listeners])
    tell_about_start(server)
    equipment.notifier.is_ready()
    await end.reached.wait()


def unexpected(server: Server, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """The loop met an exception in a callback or a task, and goes on."""
    error = context.get("exception")
    if isinstance(error, Exception):
        server.accident(str(context.get("message", "a callback")), error)
    else:
        loop.default_exception_handler(context)


def places_of(equipment: Equipment) -> Iterator[tuple[str, dict[str, object]]]:
    """Where the server listens, as the log says it."""
    for listener in equipment.listeners:
        yield "listening", {"address": address_of(listener), **marked(listener.tls), "pid": os.getpid()}
    for web_listener in equipment.web_listeners:
        yield "serving HTTP", {"address": address_of(web_listener), **marked(equipment.settings.http_tls)}
    for gear_listener in equipment.gear_listeners:
        yield "serving HTTP", {"address": address_of(gear_listener)}


def marked(tls: bool) -> dict[str, object]:
    """What the log adds for an address."""
    return {"tls": True} if tls else {}


def tell_about_start(server: Server) -> None:
    """Tell the log what the server has, and which options change nothing."""
    log, settings = server.log, server.settings
    if server.certificates is not None:
        tell_about(server.certificates, log)
    log.log(NOTICE, "keeping jobs", extra={**server.desk.counts()})
    reasons = {option.name: option.reason for option in IGNORED if option.name in settings.ignored}
    reasons |= dict.fromkeys(unused(settings), "it belongs to --ssl")
    for name, reason in reasons.items():
        log.log(NOTICE, "option without effect", extra={"option": name, "reason": reason})


def described(server: Server) -> str:
    """How the server is, for people."""
    return f"{jobs_of(server)} jobs, {len(server.peers)} connections"


def jobs_of(server: Server) -> int:
    """How many jobs are in memory."""
    return sum(len(broker.jobs) for broker in server.desk.brokers())


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


def webs_for(server: Server, readings: ServerReadings, equipment: Equipment) -> list[Web | GearWeb]:
    """The web servers of ``--http`` and ``--protocol http``."""
    webs: list[Web | GearWeb] = []
    if equipment.web_listeners:
        from geartrain.server.web import Web

        webs.append(Web(server, readings, equipment.web_listeners))
    if equipment.gear_listeners:
        from geartrain.server.gear_web import GearWeb

        webs.append(GearWeb(server, equipment.gear_listeners))
    return webs


def hang_up(server: Server, path: str, notifier: Notifier) -> None:
    """SIGHUP: open the log's file anew, and let what certificates and configuration file say hold, if it is right."""
    notifier.reloading()
    reopen_log()
    if server.certificates is not None:
        renew(server.certificates, server.log)
    try:
        if path:
            read_again(server, path)
    except SettingsError as error:
        server.log.error("the configuration is refused, the old one holds", extra={"error": str(error)})
        return notifier.reloaded(str(error))
    notifier.reloaded()


def read_again(server: Server, path: str) -> None:
    """Let what the configuration file says by now hold; raises SettingsError where it is wrong."""
    configuration = read_configuration(path)
    configuration.check_limits(server.settings)
    server.set_time()
    server.desk.configure(configuration.apply)
    server.gatekeeper.take(configuration.access)
    server.end_turns()
    sizes = {name: len(table) for name, table in configuration.sections.items()}
    if configuration.access is not None:
        sizes["access"] = len(configuration.access.grants)
    server.log.log(NOTICE, "configuration read again", extra={"file": path, **sizes})
