"""Address: where the engine of a pool is, as a URL says it, and how the pool's keys are called there."""

from __future__ import annotations

import re
from binascii import crc_hqx
from collections.abc import Mapping
from importlib.util import find_spec
from itertools import count
from typing import Final, NamedTuple
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from geartrain.errors import SettingsError

SINGLE: Final = "single"
SENTINEL: Final = "sentinel"
CLUSTER: Final = "cluster"
KINDS: Final = {"": SINGLE, "+sentinel": SENTINEL, "+cluster": CLUSTER}
SCHEME: Final = re.compile(r"(valkey|redis)(s?)(\+sentinel|\+cluster)?")
EXPECTED: Final = "valkey://HOST:PORT, valkey+sentinel://HOST:PORT,HOST:PORT/SERVICE or valkey+cluster://HOST:PORT,HOST:PORT"

PORT: Final = 6379
SENTINEL_PORT: Final = 26379
NAMESPACE: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
OPTIONS: Final = ("namespace", "shards", "tls", "tls_ca", "tls_cert", "tls_key")
SLOTS: Final = 16384  # of a Cluster
CLUSTER_SHARDS: Final = 6  # of a pool on a Cluster, unless its URL says otherwise
MOST_SHARDS: Final = 256
LARGEST_DATABASE: Final = 65535

Place = tuple[str, int]  # host and port


class Tls(NamedTuple):
    """How to speak TLS: files, empty for those of the system and for no certificate of ours."""

    authorities: str
    certificate: str
    key: str


class Address(NamedTuple):
    """The engine of a pool."""

    name: str  # the URL without its password, for people
    kind: str
    places: tuple[Place, ...]  # of the primary, of sentinels, or of some nodes of a Cluster
    service: str  # what the sentinels call the primary; empty elsewhere
    database: int
    user: str
    password: str
    tls: Tls | None  # None for plain TCP
    namespace: str
    shards: int

    def prefix(self, shard: int | None) -> str:
        """What the keys of a shard begin with, which are in one slot of a Cluster; None: those of the pool."""
        tag = "pool" if shard is None else tag_of(shard, self.shards)
        return f"{self.namespace}:{{{tag}}}:"


def is_pool(url: str) -> bool:
    """Whether a URL is one of a pool's engine, right or wrong."""
    return SCHEME.fullmatch(url.partition(":")[0]) is not None and "://" in url


def address_of(url: str) -> Address:
    """The engine that a URL names; raises SettingsError with what is wrong, and never with a password."""
    match = SCHEME.fullmatch(url.partition(":")[0])
    if match is None or "://" not in url:
        shown = re.sub("//.*@", "//", url)
        raise SettingsError(f"the store {shown!r} is no pool's, {EXPECTED} is expected")
    kind = KINDS[match[3] or ""]
    split = urlsplit(url)
    credentials, _, hosts = split.netloc.rpartition("@")
    user, _, password = credentials.partition(":")
    name = split._replace(netloc=f"{user}@{hosts}" if user else hosts).geturl()
    options = options_of(split, name)
    service, database = path_of(split.path, kind, name)
    return Address(
        name,
        kind,
        tuple(place_of(host, kind, name) for host in ([hosts] if kind == SINGLE else hosts.split(","))),
        service,
        database,
        unquote(user),
        unquote(password),
        tls_of(options, bool(match[2]), name),
        namespace_of(options, name),
        shards_of(options, kind, name),
    )


def check_library(address: Address) -> None:
    """See to it that what speaks to engines is installed; raises SettingsError."""
    if find_spec("redis") is None:
        raise SettingsError(f"the store {address.name} needs redis-py: pip install 'geartrain[valkey]'")


def options_of(split: SplitResult, name: str) -> dict[str, str]:
    """What stands behind the question mark."""
    options = dict(parse_qsl(split.query, keep_blank_values=True))
    for option in options:
        if option not in OPTIONS:
            raise SettingsError(f"the store {name}: {option!r}: one of {', '.join(OPTIONS)} is expected")
    if split.fragment:
        raise SettingsError(f"the store {name}: nothing is expected behind a #")
    return options


def place_of(text: str, kind: str, name: str) -> Place:
    """A host and a port."""
    match = re.fullmatch(r"(\[[0-9A-Fa-f:.%]+\]|[^\[\]:,@/\s]+)(?::(\d{1,5}))?", text)
    port = int(match[2] or (SENTINEL_PORT if kind == SENTINEL else PORT)) if match else 0
    if match is None or not 0 < port < 65536:
        raise SettingsError(f"the store {name}: {text!r}: HOST or HOST:PORT is expected")
    return match[1].strip("[]"), port


def path_of(path: str, kind: str, name: str) -> tuple[str, int]:
    """The service and the database."""
    parts = path.strip("/").split("/") if path.strip("/") else []
    service = unquote(parts.pop(0)) if kind == SENTINEL and parts else ""
    if kind == SENTINEL and not service:
        raise SettingsError(f"the store {name}: /SERVICE is expected, as the sentinels call the primary")
    database = parts.pop(0) if parts else "0"
    if parts or not database.isdecimal() or int(database) > LARGEST_DATABASE:
        raise SettingsError(f"the store {name}: {path!r}: the number of a database is expected")
    if kind == CLUSTER and int(database):
        raise SettingsError(f"the store {name}: {path!r}: no database is expected, a Cluster has only one")
    return service, int(database)


def tls_of(options: Mapping[str, str], is_asked: bool, name: str) -> Tls | None:
    wanted = options.get("tls", "1" if is_asked else "0")
    if wanted not in ("0", "1") or (is_asked and wanted == "0"):
        raise SettingsError(f"the store {name}: tls={wanted}: 1 is expected")
    if wanted == "1":
        return Tls(*(options.get(option, "") for option in ("tls_ca", "tls_cert", "tls_key")))
    for option in ("tls_ca", "tls_cert", "tls_key"):
        if option in options:
            raise SettingsError(f"the store {name}: {option} is expected only with tls=1")
    return None


def namespace_of(options: Mapping[str, str], name: str) -> str:
    namespace = options.get("namespace", "geartrain")
    if not NAMESPACE.fullmatch(namespace):
        raise SettingsError(
            f"the store {name}: namespace={namespace}: 1 to 64 letters, digits, dots, dashes are expected"
        )
    return namespace


def shards_of(options: Mapping[str, str], kind: str, name: str) -> int:
    shards = options.get("shards", str(CLUSTER_SHARDS if kind == CLUSTER else 1))
    if not shards.isdecimal() or not 1 <= int(shards) <= MOST_SHARDS:
        raise SettingsError(f"the store {name}: shards={shards}: 1 to {MOST_SHARDS} is expected")
    return int(shards)


def slot_of(tag: str) -> int:
    """The slot of a Cluster in which the keys with this tag are."""
    return crc_hqx(tag.encode(), 0) % SLOTS


def tag_of(shard: int, shards: int) -> str:
    """The tag in the keys of a shard: so chosen that the shards are spread evenly over the slots.

    Primaries have ranges of slots, so they get as many shards each as can be, however many they are.
    """
    for attempt in count():
        tag = f"{shard}.{attempt}"
        if slot_of(tag) * shards // SLOTS == shard:
            return tag
    raise AssertionError(shards)
