"""The section ``access`` of the configuration file: roles, and to whom they are granted."""

from __future__ import annotations

import difflib
import hmac
import os
import stat
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from hashlib import sha256
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, NamedTuple

from geartrain.broker.access import RIGHTS, Access
from geartrain.broker.policy import is_wildcard
from geartrain.errors import SettingsError

Network = IPv4Network | IPv6Network

KINDS: Final = ("certificate", "token_file", "token_sha256", "network", "listener")
SHORTEST_TOKEN: Final = 16  # characters: what can be guessed is no token
DIGEST_DIGITS: Final = 64  # of SHA-256 in hexadecimal digits


class Grant(NamedTuple):
    """A role that is somebody's."""

    role: str
    kind: str  # "certificate", "token", "network" or "listener"
    holder: str  # a pattern of names in certificates, a network or a listener; empty for a token
    name: str = ""  # for the audit log
    digests: tuple[bytes, ...] = ()  # SHA-256 of tokens
    network: Network | None = None  # None but for a network


class AccessRules(NamedTuple):
    """Who may do what."""

    roles: Mapping[str, Access]
    grants: tuple[Grant, ...]

    def holder(self, digest: bytes) -> Grant | None:
        """The grant of a token; it takes as long whatever the token is."""
        found: Grant | None = None
        for grant in self.grants:
            for known in grant.digests:
                if hmac.compare_digest(known, digest):
                    found = grant
        return found


def digest_of(token: bytes) -> bytes:
    """What is kept of a token."""
    return sha256(token).digest()


def address_in(host: str) -> IPv4Address | IPv6Address | None:
    """The address of a peer, an IPv4 address that came as IPv6 as what it is; None for what is no address."""
    try:
        address = ip_address(host)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def is_named(pattern: str, names: tuple[str, ...]) -> bool:
    """Whether a pattern is, or stands for, one of the names of a certificate."""
    for name in names:
        if name == pattern or (is_wildcard(pattern) and fnmatchcase(name, pattern)):
            return True
    return False


# Reading


def read_access(section: object) -> AccessRules | None:
    """The rules of a file's table, None where it has none; raises SettingsError naming the place of what is wrong."""
    if section is None:
        return None
    table = table_of(section, "access", ("roles", "grants"), "[access.roles.NAME] and [[access.grants]]")
    given = table.get("roles", {})
    if not isinstance(given, dict) or not given:
        raise SettingsError(f"access.roles wants tables such as [access.roles.billing], got {given!r}")
    roles = {name: read_role(name, fields) for name, fields in given.items()}
    grants = table.get("grants", [])
    if not isinstance(grants, list) or not grants:
        raise SettingsError(f"access.grants wants tables such as [[access.grants]], got {grants!r}")
    return AccessRules(
        roles, tuple(read_grant(number, fields, roles) for number, fields in enumerate(grants, 1))
    )


def table_of(value: object, place: str, keys: tuple[str, ...], expected: str) -> dict[str, object]:
    """A table that has no other keys than these."""
    if not isinstance(value, dict):
        raise SettingsError(f"{place} wants {expected}, got {value!r}")
    for key, content in value.items():
        if key not in keys:
            near = difflib.get_close_matches(key, keys, 1)
            wanted = f"perhaps {near[0]}" if near else f"one of {', '.join(keys)}"
            shown = "a secret" if "token" in key else repr(content)
            raise SettingsError(f"{place}: there is no key {key!r} (its value is {shown}); expected {wanted}")
    return value


def read_role(name: str, fields: object) -> Access:
    place = f"access.roles.{name}"
    table = table_of(fields, place, tuple(RIGHTS), 'rights such as submit = ["invoice*"]')
    patterns: dict[str, list[str]] = {}
    for right, value in table.items():
        if not isinstance(value, list) or not all(isinstance(each, str) and each for each in value):
            raise SettingsError(
                f'{place}.{right} wants names of functions or wildcards such as ["invoice*"], got {value!r}'
            )
        patterns[right] = value
    return Access(patterns)


def read_grant(number: int, fields: object, roles: Mapping[str, Access]) -> Grant:
    place = f"access.grants, number {number}"
    table = table_of(fields, place, ("role", "name", *KINDS), 'a table with role = "NAME"')
    role = text_of(table, place, "role")
    if role not in roles:
        raise SettingsError(f"{place}: role wants one of {', '.join(roles)}, got {role!r}")
    kinds = [kind for kind in KINDS if kind in table]
    if len(kinds) != 1:
        got = " and ".join(kinds) or "none"
        raise SettingsError(f"{place} wants exactly one of {', '.join(KINDS)}, got {got}")
    grant = READERS[kinds[0]](place, text_of(table, place, kinds[0]))._replace(role=role)
    name = text_of(table, place, "name") if "name" in table else grant.holder or role
    return grant._replace(name=name)


def text_of(table: Mapping[str, object], place: str, key: str) -> str:
    value = table.get(key)
    if not isinstance(value, str) or not value:
        raise SettingsError(f"{place}: {key} wants a text, got {value!r}")
    return value


def read_certificate(place: str, pattern: str) -> Grant:
    return Grant("", "certificate", pattern)


def read_listener(place: str, written: str) -> Grant:
    return Grant("", "listener", written)


def read_network(place: str, text: str) -> Grant:
    try:
        return Grant("", "network", text, network=ip_network(text))
    except ValueError as error:
        raise SettingsError(
            f"{place}: network wants one such as 10.1.0.0/16 or 2001:db8::/32, got {text!r}: {error}"
        ) from None


def read_digest(place: str, text: str) -> Grant:
    try:
        digest = bytes.fromhex(text) if len(text) == DIGEST_DIGITS else b""
    except ValueError:
        digest = b""
    if not digest:  # what is not shown may be the token itself
        raise SettingsError(f"{place}: token_sha256 wants {DIGEST_DIGITS} hexadecimal digits")
    return Grant("", "token", "", "", (digest,))


def read_token_file(place: str, path: str) -> Grant:
    """A file with a token in each line: the new one can be there before the old one goes."""
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            tokens = file.read().split()
    except OSError as error:
        raise SettingsError(f"{place}: cannot read token_file {path}: {error.strerror}") from None
    if mode & (stat.S_IRWXO | stat.S_IWGRP):
        raise SettingsError(
            f"{place}: token_file {path} wants to be nobody else's (chmod 600 or 640), its mode is {mode & 0o777:o}"
        )
    if not tokens or min(map(len, tokens)) < SHORTEST_TOKEN:
        raise SettingsError(
            f"{place}: token_file {path} wants a token in each line, of {SHORTEST_TOKEN} characters at least"
        )
    return Grant("", "token", "", "", tuple(map(digest_of, tokens)))


READERS: Final[dict[str, Callable[[str, str], Grant]]] = {
    "certificate": read_certificate,
    "token_file": read_token_file,
    "token_sha256": read_digest,
    "network": read_network,
    "listener": read_listener,
}
