"""Card: what a server of a pool says of itself to the others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from ipaddress import ip_address
from types import MappingProxyType
from typing import Any, NamedTuple

from geartrain.pool.registry import Lease, Member
from geartrain.protocol.documents import read_object
from geartrain.protocol.servers import TLS_SCHEME


class Card(NamedTuple):
    """A server of a pool."""

    server: str  # its id, another one each time it starts
    host: str  # where the others reach it
    port: int
    version: str
    led: Mapping[str, Mapping[str, object]] = MappingProxyType(
        {}
    )  # the shards that it leads, and how they do
    connections: int = 0  # peers
    fenced: int = 0  # late results that were refused
    stopping: bool = False
    tls: bool = False  # it is reached in TLS
    age: float = 0.0  # seconds since it was heard of

    @property
    def address(self) -> str:
        """Where it is reached, as a client may be told."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{TLS_SCHEME if self.tls else ''}{host}:{self.port}"

    def text(self) -> str:
        """The card as the engine keeps it."""
        said = self._asdict() | {"led": dict(self.led)}
        del said["age"]
        return json.dumps(said)


def is_loopback(host: str) -> bool:
    """Whether a server is reached at a host from its own machine alone."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def read_card(text: str) -> Card:
    """The card of a text; what a newer release says beside it is left out, what an older one does not say is empty."""
    said: dict[str, Any] = read_object(text)
    return Card(
        said["server"],
        said["host"],
        said["port"],
        said.get("version", ""),
        said.get("led", {}),
        said.get("connections", 0),
        said.get("fenced", 0),
        said.get("stopping", False),
        said.get("tls", False),
    )


def card_of(member: Member) -> Card:
    """The card of a server, with its age."""
    return read_card(member.text)._replace(age=member.age)


def card_in(lease: Lease) -> Card:
    """The card of a shard's leader."""
    return read_card(lease.text)
