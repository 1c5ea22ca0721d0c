"""Visitors: who is at the other end of a connection, as far as the access rules ask."""

from __future__ import annotations

from collections.abc import Callable

from geartrain.broker.access import Access, Badge, union
from geartrain.server.access_rules import AccessRules, Grant, address_in, is_named


class Visitor:
    """Who a peer is: where it comes from, what it has shown, and what the rules make of that."""

    def __init__(
        self,
        host: str,
        listener: str,
        slow_down: Callable[[], None],
        certificate_names: tuple[str, ...] = (),
    ) -> None:
        self.host = host
        self.listener = listener  # where it came in, as an option has it
        self.certificate_names = certificate_names  # of a certificate that was verified
        self.digests: list[bytes] = []  # of the tokens that it has shown
        self.slow_down = slow_down  # makes it wait, as it showed a wrong one
        self.badge: Badge | None = None  # None where there are no rules

    def leave(self) -> None:
        """It is gone: nothing of it may refer to itself, or its memory waits for the garbage collector."""
        self.slow_down = nothing
        self.badge = None

    def grants(self, rules: AccessRules) -> list[Grant]:
        """What it is granted."""
        shown = [rules.holder(digest) for digest in self.digests]
        return [grant for grant in rules.grants if self.has(grant) or grant in shown]

    def has(self, grant: Grant) -> bool:
        """Whether a grant is the visitor's, without a token."""
        if grant.kind == "certificate":
            return is_named(grant.holder, self.certificate_names)
        if grant.kind == "listener":
            return grant.holder == self.listener
        address = address_in(self.host)
        return grant.network is not None and address is not None and address in grant.network

    def access(self, rules: AccessRules) -> Access:
        """What it may do."""
        return union([rules.roles[role] for role in {grant.role: None for grant in self.grants(rules)}])

    def who(self, rules: AccessRules | None) -> str:
        """The visitor for the audit log: its certificate, its tokens, and what else it is known by."""
        if rules is None:
            return " ".join(f"certificate:{name}" for name in self.certificate_names[:1]) or "anybody"
        known = [f"{grant.kind}:{grant.name}" for grant in self.grants(rules)]
        return " ".join(known) or "nobody"


def nothing() -> None:
    """Nobody has to wait."""
