"""The options of ``geartrain server`` that are about HTTP."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from geartrain.server.options import PERIOD, PORT, UNIX, Kind, number, one_of, option

LONGEST_HOST: Final = 253  # bytes of a name
PREFIX_PATH: Final = re.compile(r"(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+")


def read_place(text: str) -> str:
    """Where to listen: an address and a port, or a socket in the file system."""
    if text.startswith(UNIX) and text != UNIX:
        return text
    host, _, port = text.rpartition(":")
    if (
        not host
        or not port.isdigit()
        or int(port) > 65535
        or (host.count(":") > 1 and host[0] + host[-1] != "[]")
    ):
        raise ValueError
    return text


def read_host(text: str) -> str:
    """A name as a browser sends it in Host, without a port."""
    if (
        not 0 < len(text) <= LONGEST_HOST
        or not text.isascii()
        or not text.isprintable()
        or set(text) & set("/:@ ")
    ):
        raise ValueError
    return text.lower()


def read_prefix(text: str) -> str:
    """A path, without the slash at its end."""
    prefix = text.rstrip("/")
    if prefix and not PREFIX_PATH.fullmatch(prefix):
        raise ValueError
    return prefix


PLACE: Final = Kind("ADDR:PORT, [IPv6]:PORT or unix:PATH", (str,), read_place)
HOST: Final = Kind("the name of a host", (str,), read_host)
PATH: Final = Kind("a path such as /geartrain", (str,), read_prefix)


@dataclass(frozen=True)
class HttpOptions:
    """What an operator may choose of the API and the page."""

    http: tuple[str, ...] = option(
        (),
        PLACE,
        "Serve the API and the page there; may be given again.",
        metavar="ADDR:PORT",
        many=True,
    )
    http_name: tuple[str, ...] = option(
        (),
        HOST,
        "A name by which browsers reach --http, beside this machine's; may be given again.",
        metavar="HOST",
        many=True,
    )
    http_prefix: str = option("", PATH, "A path before all paths of --http.", metavar="PATH")
    http_deadline: float = option(
        30.0,
        PERIOD,
        "In how many seconds a caller of --http must have sent a whole request.",
        metavar="TIME",
    )
    http_streams: int = option(
        100, number(0), "Most streams of events at a time, 0 for no limit.", metavar="N"
    )
    metrics_functions: int = option(
        100,
        number(1, 10_000),
        "Functions with metrics of their own; what is beyond them is `other`.",
        metavar="N",
    )

    # gearmand's
    protocol: str = option(
        "gear",
        one_of("gear", "http"),
        "http: take jobs over HTTP as well, as gearmand does, on the addresses of --listen.",
        short="-r",
        metavar="NAME",
    )
    http_port: int = option(8080, PORT, "TCP port of --protocol http.", metavar="PORT")
