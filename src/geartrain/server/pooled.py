"""A server's desk where its store is a pool's engine: built from the settings."""

from __future__ import annotations

import random
import secrets
import socket
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Final

from geartrain.broker.broker import Broker
from geartrain.broker.rules import Rules
from geartrain.errors import SettingsError
from geartrain.pool.address import address_of, check_library
from geartrain.protocol.servers import parse_server
from geartrain.server.cron import next_tick
from geartrain.server.listeners import Listener
from geartrain.server.log import NOTICE
from geartrain.server.server import Server, payload_limit_of, rules_of
from geartrain.server.settings import Settings
from geartrain.version import __version__

if TYPE_CHECKING:
    from geartrain.pool.desk import PoolDesk

ANY_HOST: Final = ("0.0.0.0", "::")
LOOK_PATIENCE: Final = 2.0  # seconds that one look at the pool may take


def check_pool(settings: Settings) -> None:
    """Raise SettingsError where a server cannot be in the pool that the settings name."""
    check_library(address_of(settings.store))
    place_of(settings.pool_address)
    for name in ("desk", "health", "store"):
        import_module(f"geartrain.pool.{name}")  # now: --user may put Python's files out of reach


def place_of(text: str) -> tuple[str, int, bool]:
    """The host and port of ``--pool-address``, and whether TLS is spoken there; nothing where it is not given."""
    if not text:
        return "", 0, False
    server = parse_server(text)
    if server.path:
        raise SettingsError(f"--pool-address wants HOST:PORT or tls://HOST:PORT, got {text!r}")
    return server.host, server.port, server.tls


def pool_desk(listeners: Sequence[Listener], server: Server) -> PoolDesk:
    """The desk of a server of a pool; raises SettingsError where the others could not reach it."""
    from geartrain.pool.card import Card
    from geartrain.pool.desk import PoolDesk, Surroundings
    from geartrain.pool.health import check
    from geartrain.pool.registry import Registry
    from geartrain.pool.store import ValkeyStore

    settings = server.settings
    address = address_of(settings.store)
    host, port, tls = place_of(settings.pool_address) if settings.pool_address else place_among(listeners)
    around = Surroundings(
        broker_for,
        server.give_away,
        server.link_context,
        server.end_turn,
        server.read_turns,
        server.read_peers,
        server.set_time,
        server.log,
        NOTICE,
    )
    return PoolDesk(
        partial(check, address, settings.ack, settings.engine_hold),
        Registry(address, min(settings.engine_hold, LOOK_PATIENCE), settings.ack),
        Card(f"{socket.gethostname()}-{secrets.token_hex(4)}", host, port, __version__, tls=tls),
        lambda shard, token: ValkeyStore(
            address,
            shard,
            token,
            settings.workload_memory,
            settings.ack,
            settings.engine_hold,
            settings.heartbeat,
        ),
        rules_of(settings),
        payload_limit_of(settings),
        settings.heartbeat,
        settings.engine_hold,
        around,
    )


def place_among(listeners: Sequence[Listener]) -> tuple[str, int, bool]:
    """Where the other servers reach this one, and whether in TLS: no host where it listens on all addresses."""
    for listener in listeners:
        if listener.family != socket.AF_UNIX:
            host, port, *_ = listener.getsockname()
            return "" if host in ANY_HOST else str(host), int(port), listener.tls
    raise SettingsError("a server of a pool wants to be reached by the others: --listen on an address")


def broker_for(rules: Rules) -> Broker:
    """The broker of a shard."""
    broker = Broker(rules, True, random.random)
    broker.schedules.calendar = next_tick
    return broker
