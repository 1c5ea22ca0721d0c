"""The gate: what holds for every request, whatever it is for."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from geartrain.web.answers import told
from geartrain.web.problems import wrong

HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
}
API: Final = "/api/v1"
EXPECTED_HOST: Final = "an address, this machine's name, or one of --http-name"


class Gate:
    """Lets requests in that name this server, and says to browsers what they may do with the answers.

    A page of another site, whose name is made to mean this server's address, would be let in by the browser, but
    its Host is that name.
    """

    def __init__(self, inner: ASGIApp, names: frozenset[str]) -> None:
        self.inner = inner
        self.names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return None

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        host = Headers(scope=scope).get("host", "")
        if not is_own(host, self.names):
            return await told(wrong("Host", host, EXPECTED_HOST, 421))(scope, receive, send_with_headers)
        if API in scope["path"]:
            # Routes are found by the path as it was sent: a name in it may have a slash, as %2F.
            scope["path"] = scope["raw_path"].decode("ascii", "backslashreplace")
        await self.inner(scope, receive, send_with_headers)


def is_own(host: str, names: frozenset[str]) -> bool:
    """Whether a Host is this server: an address, or one of its names."""
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    return name.lower().rstrip(".") in names or is_address(name.removeprefix("[").removesuffix("]"))


def is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
