"""Who a request is from: the only place that knows."""

from __future__ import annotations

from typing import NamedTuple

from starlette.requests import HTTPConnection


class Identity(NamedTuple):
    """Who asks."""

    host: str  # the address, as ``peers`` shows it


def identify(request: HTTPConnection) -> Identity:
    """Who sent a request. Everybody may do everything."""
    return Identity(request.client.host if request.client is not None else "unix")
