"""That a change was asked for by our own page, where a browser asks for it."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request

from geartrain.web.problems import Problem
from geartrain.web.sessions import COOKIE

HEADER: Final = "X-CSRF-Token"
OF_BROWSERS: Final = ("origin", "sec-fetch-site")  # headers that other programs do not send
SAFE: Final = ("GET", "HEAD", "OPTIONS")


def token(secret: bytes, request: Request) -> str:
    """What a page of ours has to send with a change; no other site's can read it."""
    return hmac.digest(secret, request.cookies.get(COOKIE, "").encode(), "sha256").hex()


def check_origin(secret: bytes, request: Request) -> None:
    """Raise Problem for a change that a browser asks for without the token.

    A bearer's token is one that no browser sends by itself, so that is enough.
    """
    if request.method in SAFE or request.headers.get("authorization", "").lower().startswith("bearer "):
        return
    if COOKIE not in request.cookies and not any(name in request.headers for name in OF_BROWSERS):
        return
    given = request.headers.get(HEADER, "")
    if not hmac.compare_digest(token(secret, request).encode(), given.encode()):
        raise Problem(
            403, f"{HEADER} wants the csrf of GET /session, got another one or none", name=HEADER, code="CSRF"
        )


def is_from_elsewhere(headers: Mapping[str, str]) -> bool:
    """Whether a browser says that the page of another site has it send a request: nobody asked its user.

    For what changes something and has no token; names of headers are in lower case.
    """
    if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        return True
    own = headers.get("host", "").lower()
    places = [headers[name] for name in ("origin", "referer") if name in headers]
    return any(not own or place_of(place) != own for place in places)


def place_of(url: str) -> str:
    """The host and the port that a URL names; empty where it names none."""
    try:
        return urlsplit(url).netloc.lower()
    except ValueError:
        return ""
