"""HttpKeeper: the access rules for who asks over HTTP, as the web application wants them (``web/ports.py``)."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from typing import Final

from geartrain.broker.access import EVERYTHING, RIGHTS, VIEW, Access
from geartrain.broker.deeds import DONE
from geartrain.errors import server_error
from geartrain.server.gatekeeper import LOG_IN
from geartrain.server.inside import Insider
from geartrain.server.listeners import given
from geartrain.server.server import Server
from geartrain.server.visitors import Visitor, nothing
from geartrain.web.ports import Identity

ANYWHERE: Final = ("0.0.0.0", "::")


class HttpKeeper:
    """Asks the server's gatekeeper; ``listeners`` are those of HTTP."""

    def __init__(self, server: Server, listeners: Sequence[socket.socket]) -> None:
        self.server = server
        self.gatekeeper = server.gatekeeper
        self.places = [(listener.getsockname(), given(listener)) for listener in listeners]

    def admit(self, identity: Identity) -> Insider:
        most = self.server.settings.max_connections
        if 0 < most <= self.server.connections():
            raise server_error(
                "QUEUE_ERROR", f"there are {most} connections, as many as --max-connections lets in"
            )
        return self.server.admit(identity.host.encode(), self.visitor(identity))

    def guards(self) -> bool:
        return self.gatekeeper.rules is not None

    def listener(self, address: object) -> str:
        """What listens there; on all addresses, where nothing listens on just this one."""
        for place, name in self.places:
            if place == address:
                return name
        for place, name in self.places:
            if isinstance(address, tuple) and place[0] in ANYWHERE and place[1] == address[1]:
                return name
        return ""

    def digest(self, identity: Identity, token: str) -> bytes:
        visitor = self.visitor(identity)
        known = self.gatekeeper.hear_token(visitor, token.encode("utf-8", "surrogateescape"))
        return b"" if known is None else visitor.digests[-1]

    def logged_in(self, identity: Identity) -> None:
        self.gatekeeper.tell(self.visitor(identity), LOG_IN, "", DONE)

    def rights(self, identity: Identity) -> dict[str, list[str]]:
        names = {right: name for name, right in RIGHTS.items()}
        return {names[right]: list(patterns) for right, patterns in self.access(identity).patterns}

    def sees(self, identity: Identity) -> Callable[[str], bool] | None:
        if self.access(identity).has_every(VIEW):
            return None

        def may_view(function: str) -> bool:
            return self.access(identity).may(VIEW, function.encode("utf-8", "surrogateescape"))

        return may_view

    def may_view(self, identity: Identity) -> bool:
        return self.access(identity).has(VIEW)

    def access(self, identity: Identity) -> Access:
        rules = self.gatekeeper.rules
        return EVERYTHING if rules is None else self.visitor(identity).access(rules)

    def visitor(self, identity: Identity) -> Visitor:
        visitor = Visitor(identity.host, identity.listener, nothing, identity.certificates)
        if identity.digest:
            visitor.digests.append(identity.digest)
        return visitor
