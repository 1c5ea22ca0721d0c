"""Sessions: browsers that have logged in with a token."""

from __future__ import annotations

import secrets
import time
from typing import Final

from starlette.requests import Request

COOKIE: Final = "geartrain_session"
LONGEST: Final = 12 * 3600.0  # seconds
MOST: Final = 10_000  # sessions; the oldest one ends where there would be more


class Sessions:
    """Who has logged in, by what their cookies hold; they end with the server."""

    def __init__(self) -> None:
        self.known: dict[
            str, tuple[float, bytes]
        ] = {}  # end and token's digest, by their secrets; the oldest first
        self.secret = secrets.token_bytes(32)  # of this process, for what pages have to show

    def begin(self, digest: bytes) -> str:
        """A new session of a token's holder, by its secret."""
        now = time.monotonic()
        for name, (end, _) in list(self.known.items()):
            if end > now and len(self.known) < MOST:
                break
            del self.known[name]
        name = secrets.token_urlsafe(32)
        self.known[name] = now + LONGEST, digest
        return name

    def of(self, request: Request) -> bytes:
        """The digest of the token of who logged in; empty where the request has no session, or one that is over."""
        end, digest = self.known.get(request.cookies.get(COOKIE, ""), (0.0, b""))
        return digest if end > time.monotonic() else b""

    def end(self, request: Request) -> None:
        """Log out."""
        self.known.pop(request.cookies.get(COOKIE, ""), None)
