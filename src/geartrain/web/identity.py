"""Who a request is from, and what they may do: the only place that knows."""

from __future__ import annotations

from typing import Final, NamedTuple

from starlette.requests import HTTPConnection

RIGHTS: Final = ("submit", "work", "view", "admin")
EVERYTHING: Final = ["*"]


class Identity(NamedTuple):
    """Who asks."""

    host: str  # the address, as ``peers`` shows it

    def rights(self) -> dict[str, list[str]]:
        """For each right, the functions for which it is had."""
        return dict.fromkeys(RIGHTS, EVERYTHING)


def identify(request: HTTPConnection) -> Identity:
    """Who sent a request. Everybody may do everything."""
    return Identity(request.client.host if request.client is not None else "unix")


def identity_of_token(request: HTTPConnection, token: str) -> Identity | None:
    """Whose a token is; None where it is nobody's."""
    return None
