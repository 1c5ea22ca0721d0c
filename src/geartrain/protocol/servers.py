"""Which server to ask: addresses, routing, and how long a server that failed is left alone."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b
from typing import Final

from geartrain.errors import SettingsError
from geartrain.protocol.commands import DEFAULT_PORT

FIRST_COOL_DOWN: Final = 0.5  # seconds
LONGEST_COOL_DOWN: Final = 30.0  # seconds
DEFAULT_TLS_PORT: Final = 4731
TLS_SCHEME: Final = "tls://"
ROUTINGS: Final = ("unique", "first", "round-robin", "random", "libgearman", "perl")

Servers = str | Iterable[str] | None


class Server:
    """A configured server: its name ("host:port", "tls://host:port" or "unix:/path"), and how it did of late."""

    def __init__(self, name: str, host: str, port: int, path: str, tls: bool) -> None:
        self.name = name
        self.host = host
        self.port = port
        self.path = path  # of a unix socket; empty for TCP
        self.tls = tls  # its address says that it speaks TLS
        self.address = name.removeprefix(TLS_SCHEME)  # a server is the same one, however clients speak to it
        self.failures = 0  # since the last connection that worked
        self.retry_at = 0.0  # before then it is tried only when nothing else is left

    def failed(self, now: float, chance: float) -> None:
        """Leave the server alone, longer each time; ``chance`` in 0..1 keeps many clients from coming at once."""
        cool_down = min(LONGEST_COOL_DOWN, FIRST_COOL_DOWN * 2.0 ** min(self.failures, 16))
        self.failures += 1
        self.retry_at = now + cool_down * (0.5 + 0.5 * chance)

    def worked(self) -> None:
        """A connection came about: trust the server again."""
        self.failures = 0
        self.retry_at = 0.0


def parse_server(text: str) -> Server:
    """A server from "host", "host:port", "[::1]:4730", "tls://host:4731" or "unix:/path"; raises SettingsError."""
    text = text.strip()
    if text.startswith("unix:"):
        return Server(text, "", 0, text[len("unix:") :], False)
    if text.startswith("/"):
        return Server(f"unix:{text}", "", 0, text, False)
    scheme = TLS_SCHEME if text.startswith(TLS_SCHEME) else ""
    host, port = split_port(text.removeprefix(scheme), DEFAULT_TLS_PORT if scheme else DEFAULT_PORT)
    if not host or "/" in host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise SettingsError(
            f"server {text!r}: expected host:port, [IPv6]:port, tls://host:port or unix:/path"
        )
    name = f"[{host}]:{int(port)}" if ":" in host else f"{host}:{int(port)}"
    return Server(scheme + name, host, int(port), "", bool(scheme))


def split_port(text: str, default: int) -> tuple[str, str]:
    """Host and port; the default port where none is named."""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        return host, rest.removeprefix(":") or str(default)
    if text.count(":") > 1:
        return text, str(default)  # an IPv6 address without brackets
    host, _, port = text.partition(":")
    return host, port or str(default)


def parse_servers(servers: Servers, environment: Mapping[str, str]) -> list[Server]:
    """The servers of a list or a comma string; None takes GEARMAN_SERVERS, else localhost. Raises SettingsError."""
    if servers is None:
        servers = environment.get("GEARMAN_SERVERS") or f"localhost:{DEFAULT_PORT}"
    if isinstance(servers, str):
        servers = [servers]
    # As objects: compiled code would take a wrong one for a mistake of ours.
    items: Iterable[object] = servers
    names = [name for item in items for name in addresses_in(item) if name.strip()]
    if not names:
        raise SettingsError("servers: expected at least one")
    return [parse_server(name) for name in names]


def addresses_in(item: object) -> list[str]:
    """The addresses in one string of a list; raises SettingsError for anything else."""
    if not isinstance(item, str):
        raise SettingsError(f'server {item!r}: expected text such as "host:port"')
    return item.split(",")


class ServerList:
    """The servers a client may ask, in the order in which one job should try them.

    ``chance`` gives numbers in 0..1.
    """

    def __init__(self, servers: list[Server], routing: str, chance: Callable[[], float]) -> None:
        if routing not in ROUTINGS:
            raise SettingsError(f"routing {routing!r}: expected one of {', '.join(ROUTINGS)}")
        self.servers = servers
        self.routing = routing
        self.chance = chance
        self.turn = 0  # of the round robin

    def add(self, server: Server) -> None:
        """Ask this server, too; one that is in the list already is not added twice."""
        if all(known.name != server.name for known in self.servers):
            self.servers.append(server)

    def named(self, name: str) -> Server | None:
        """The server of that name."""
        for server in self.servers:
            if server.name == name:
                return server
        return None

    def order(self, function: bytes, key: bytes, now: float) -> list[Server]:
        """Every server, best first; ``key`` is what equal jobs share, empty where a job is like no other.

        Servers that failed lately come last: they are tried only when all others have failed too.
        """
        if len(self.servers) == 1:
            return self.servers
        preferred = self.preferred(function, key)
        cooling = [server for server in preferred if server.retry_at > now]
        if not cooling:
            return preferred
        cooling.sort(key=retry_time)
        return [server for server in preferred if server.retry_at <= now] + cooling

    def preferred(self, function: bytes, key: bytes) -> list[Server]:
        """Every server in the order of the routing, whatever its health."""
        if self.routing == "first":
            return list(self.servers)
        if self.routing == "libgearman":
            return self.servers[::-1]
        if key and self.routing == "unique":
            return rendezvous(self.servers, function + b"\0" + key)
        if key and self.routing == "perl":
            return self.rotated((zlib.crc32(key) >> 16) & 0x7FFF)
        if self.routing in ("random", "perl"):
            return self.rotated(int(self.chance() * len(self.servers)))
        self.turn += 1
        return self.rotated(self.turn - 1)

    def rotated(self, first: int) -> list[Server]:
        """Every server in the order of the list, beginning with one of them."""
        first %= len(self.servers)
        return self.servers[first:] + self.servers[:first]

    def failed(self, server: Server, now: float) -> None:
        """A connection to the server did not come about, or broke."""
        server.failed(now, self.chance())


def retry_time(server: Server) -> float:
    """When the server may be tried again."""
    return server.retry_at


def rendezvous(servers: list[Server], key: bytes) -> list[Server]:
    """Highest random weight first: every client agrees, and losing a server moves only that server's jobs."""
    weights = [
        (blake2b(server.address.encode() + b"\0" + key, digest_size=8).digest(), server) for server in servers
    ]
    weights.sort(key=weight, reverse=True)
    return [server for _, server in weights]


def weight(weighted: tuple[bytes, Server]) -> bytes:
    """What ``rendezvous`` sorts by."""
    return weighted[0]
