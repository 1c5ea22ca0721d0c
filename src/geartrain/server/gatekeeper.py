"""Gatekeeper: who may do what at this server, by the rules of the configuration; and the audit log."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from geartrain.broker.access import Access, Badge
from geartrain.broker.deeds import REFUSED, Deed
from geartrain.server.access_rules import AccessRules, digest_of
from geartrain.server.listeners import address_of, given, is_beyond_loopback
from geartrain.server.log import AUDIT, NOTICE
from geartrain.server.quota import PERIOD, Quota
from geartrain.server.visitors import Visitor

if TYPE_CHECKING:
    from geartrain.server.inside import Insider
    from geartrain.server.peer import Peer
    from geartrain.server.server import Server

TOKEN: Final = "token"
LOG_IN: Final = "log in"


class Gatekeeper:
    """Gives each visitor a badge, where there are rules, and tells the audit log what they do."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.quota = Quota()
        self.counting: asyncio.TimerHandle | None = None  # None while nothing is left out
        self.rules: AccessRules | None = None  # None where everybody may do everything

    def take(self, rules: AccessRules | None) -> None:
        """Let these rules hold, for those who are here too."""
        self.rules = rules
        for peer in list(self.server.peers.values()):
            if peer.visitor is not None:
                self.look_again(peer.visitor)
                self.server.desk.guard(peer.connection, peer.visitor.badge)

    def let_in(self, peer: Peer | Insider) -> None:
        """A new peer, or one of whom more is known."""
        if self.rules is not None and peer.visitor is not None:
            self.look_again(peer.visitor)
            self.server.desk.guard(peer.connection, peer.visitor.badge)

    def look_again(self, visitor: Visitor) -> None:
        """Let a visitor's badge say what the rules give to what is known of it by now."""
        if self.rules is None:
            visitor.badge = None
        elif visitor.badge is None:
            visitor.badge = Badge(visitor.access(self.rules), partial(self.hear_token, visitor))
        else:
            visitor.badge.access = visitor.access(self.rules)

    def hear_token(self, visitor: Visitor, token: bytes) -> Access | None:
        """What a visitor may do that has shown a token; None where it is nobody's, and the visitor has to wait."""
        digest = digest_of(token)
        if self.rules is None or self.rules.holder(digest) is None:
            self.tell(visitor, TOKEN, "", REFUSED)
            visitor.slow_down()
            return None
        if digest not in visitor.digests:
            visitor.digests.append(digest)
        return visitor.access(self.rules)

    def warn(self, listeners: Sequence[socket.socket]) -> None:
        """Say what is doubtful about the rules at a server that listens so."""
        if self.rules is None:
            open_to_all = [address_of(listener) for listener in listeners if is_beyond_loopback(listener)]
            if open_to_all:
                self.server.log.warning(
                    "whoever reaches this server may do everything: there are no access rules",
                    extra={"addresses": ", ".join(open_to_all)},
                )
            return
        known = {given(listener) for listener in listeners}
        for grant in self.rules.grants:
            if grant.kind == "listener" and grant.holder not in known:
                self.server.log.warning(
                    "a role is granted to a listener that there is not",
                    extra={
                        "role": grant.role,
                        "listener": grant.holder,
                        "expected": ", ".join(sorted(known)),
                    },
                )

    # The audit log

    def tell_all(self, deeds: list[Deed]) -> None:
        """Tell what peers did in this turn."""
        for connection, what, on, outcome in deeds:
            peer = self.server.peers.get(connection)
            if peer is not None and peer.visitor is not None:
                self.tell(peer.visitor, what, on, outcome)
        deeds.clear()

    def is_told(self, host: str) -> bool:
        """Whether the log takes one more refusal of an address; what it left out is counted there once a minute."""
        loop = self.server.loop
        for address, count in self.quota.left_out(loop.time()):
            self.tell_left_out(address, count)
        if self.quota.takes(host, loop.time()):
            return True
        if self.counting is None:
            self.counting = loop.call_later(PERIOD, self.count)
        return False

    def count(self) -> None:
        """The minute of what was left out is over."""
        self.counting = None
        for address, count in self.quota.left_out(self.server.loop.time()):
            self.tell_left_out(address, count)

    def tell_left_out(self, address: str, count: int) -> None:
        fields = {"host": address, "what": f"{count} refusals left out", "outcome": REFUSED}
        logging.getLogger(AUDIT).log(NOTICE, "audit", extra=fields)

    def tell(self, visitor: Visitor, what: str, on: str, outcome: str) -> None:
        if outcome == REFUSED and not self.is_told(visitor.host):
            return
        fields = {
            "who": visitor.who(self.rules),
            "host": visitor.host,
            "listener": visitor.listener,
            "what": what,
            "on": on,
            "outcome": outcome,
        }
        logging.getLogger(AUDIT).log(NOTICE, "audit", extra=fields)
