"""Options: what a setting may be, and how it is given on the command line and in a file."""

from __future__ import annotations

import pwd
import re
import socket
from collections.abc import Callable
from dataclasses import field
from typing import Any, Final, NamedTuple, TypeVar

from geartrain.broker.model import LONGEST_PREFIX
from geartrain.errors import SettingsError
from geartrain.pool.address import address_of, is_pool
from geartrain.protocol.durations import EXPECTED, seconds_of
from geartrain.store import is_store

T = TypeVar("T")

UNIX: Final = "unix:"  # before the path of a socket in the file system
SHORTEST_PERIOD: Final = 0.5  # seconds
LONGEST_SILENCE: Final = 32767  # seconds, or probes: what the system takes
FLAGS: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class Kind(NamedTuple):
    """What the values of an option may be.

    ``read`` makes a value of a text, or checks a value of one of ``types``, which are those that a file may give; it
    raises ValueError for what the option cannot be.
    """

    expected: str
    types: tuple[type, ...]
    read: Callable[[Any], object]


def number(least: int, most: int | None = None) -> Kind:
    """Whole numbers from ``least`` to ``most``."""

    def read(value: str | int) -> int:
        if int(value) < least or (most is not None and int(value) > most):
            raise ValueError
        return int(value)

    return Kind(f"a number from {least}" + (f" to {most}" if most is not None else " up"), (int,), read)


def one_of(*words: str, expected: str = "") -> Kind:
    """One of the words, in any case; the word as it is written here is the value."""

    def read(value: str) -> str:
        return words[[word.lower() for word in words].index(value.lower())]

    return Kind(expected or "one of " + ", ".join(words), (str,), read)


def left_out(reason: str) -> Kind:
    """Nothing but the default: what gearmand offers and we cannot do is refused, rather than silently not done."""

    def read(value: object) -> object:
        if value:
            raise ValueError
        return value

    return Kind(f"to be left out, {reason}", (bool, str), read)


def read_period(value: str | float) -> float:
    seconds = seconds_of(value)
    if seconds < SHORTEST_PERIOD:
        raise ValueError
    return seconds


def read_silence(value: str | int) -> int:
    """Whole seconds, as the system takes them; -1 leaves them to it."""
    if str(value) == "-1":
        return -1
    seconds = seconds_of(value)
    if not seconds.is_integer() or seconds > LONGEST_SILENCE:
        raise ValueError
    return int(seconds)


def read_port(value: str | int) -> int:
    try:
        port = int(value)
    except ValueError:
        return port_of_service(str(value))
    if not 0 <= port <= 65535:
        raise ValueError
    return port


def port_of_service(name: str) -> int:
    try:
        return socket.getservbyname(name, "tcp")
    except OSError as error:
        raise ValueError from error


def read_user(name: str) -> str:
    try:
        return pwd.getpwnam(name).pw_name
    except KeyError as error:
        raise ValueError from error


def read_prefix(prefix: str) -> str:
    if len(prefix.encode()) > LONGEST_PREFIX or "\0" in prefix:
        raise ValueError
    return prefix


def read_store(url: str) -> str:
    """A pool's URL says itself what is wrong with it, with a SettingsError."""
    if is_pool(url):
        address_of(url)
    elif not is_store(url):
        raise ValueError
    return url


TEXT: Final = Kind("a text", (str,), str)
PREFIX: Final = Kind(f"a text of at most {LONGEST_PREFIX} bytes", (str,), read_prefix)
STORE: Final = Kind("memory:, sqlite:PATH or a pool such as valkey://HOST:PORT", (str,), read_store)
FLAG: Final = Kind("true or false", (bool,), bool)
BYTES: Final = number(1)
PORT: Final = Kind("a port from 0 (any free one) to 65535, or a service's name", (int, str), read_port)
SECONDS: Final = Kind(EXPECTED, (int, float, str), seconds_of)
PERIOD: Final = Kind(f"{EXPECTED}; {SHORTEST_PERIOD:g} or more", (int, float, str), read_period)
SILENCE: Final = Kind(
    f"-1, or whole seconds to {LONGEST_SILENCE}, or a time such as 15m", (int, str), read_silence
)
USER: Final = Kind("the name of a user of this machine", (str,), read_user)
KEEPALIVE: Final = number(-1, LONGEST_SILENCE)


PASSWORD: Final = re.compile(r"(?<=://)([^/@]*:)?[^/@]+@")  # of a URL, with the name before it
MASK: Final = "***"


def masked(value: object) -> object:
    """A value without the passwords in its URLs."""
    if isinstance(value, tuple):
        return [masked(each) for each in value]
    if not isinstance(value, str):
        return value
    return PASSWORD.sub(lambda found: f"{found[1] or ''}{MASK}@", value)


class Option(NamedTuple):
    """A field of ``Settings`` as it is given, on the command line and in a file."""

    name: str  # the key in a file, and with two dashes the long form on the command line
    kind: Kind
    help: str
    short: str  # such as "-p", empty where there is none
    metavar: str  # what stands for the value in the help, empty for a flag
    many: bool  # may be given again: the field is a tuple
    default: object

    @property
    def field(self) -> str:
        return self.name.replace("-", "_")

    def value(self, given: object, source: str) -> object:
        """The field's value; raises SettingsError, naming ``source``, for what it cannot be."""
        if not self.many:
            return self.single(given, source)
        items = given if isinstance(given, (list, tuple)) else (given,)
        return tuple(self.single(item, source) for item in items)

    def single(self, given: object, source: str) -> object:
        try:
            return self.kind.read(given)
        except (ValueError, TypeError):
            raise self.wrong(given, source) from None

    def value_in_file(self, given: object, source: str) -> object:
        """As ``value``, for what TOML gives: its type has to be right as well."""
        items = given if self.many and isinstance(given, list) else [given]
        if any(type(item) not in self.kind.types for item in items):
            raise self.wrong(given, source)
        return self.value(given, source)

    def value_in_environment(self, given: str, source: str) -> object:
        """As ``value``, for a variable: several values stand between blanks or commas."""
        if self.many:
            return self.value(given.replace(",", " ").split(), source)
        if self.metavar:
            return self.value(given, source)
        if given.lower() not in FLAGS:
            raise self.wrong(given, source)
        return self.value(FLAGS[given.lower()], source)

    def wrong(self, given: object, source: str) -> SettingsError:
        return SettingsError(f"{source} wants {self.kind.expected}, got {masked(given)!r}")


def option(default: T, kind: Kind, help: str, *, short: str = "", metavar: str = "", many: bool = False) -> T:
    """A field of ``Settings``."""
    form = {"kind": kind, "help": help, "short": short, "metavar": metavar, "many": many, "default": default}
    value: T = field(default=default, metadata=form)
    return value
