"""A question about one job, and the servers that may know it."""

from __future__ import annotations

from collections.abc import Sequence

from geartrain.protocol.history import knows
from geartrain.protocol.servers import Server, ServerList


class Inquiry:
    """Asks the server that gave a handle, and the others where that cannot be reached; all, where it is not known.

    Servers of a pool know each other's jobs. A server that failed lately is asked last.
    """

    def __init__(self, handle: bytes, server: str, servers: ServerList, now: float) -> None:
        self.handle = handle
        self.giver = servers.named(server) if server else None  # None where it is not known
        others = [other for other in servers.servers if other is not self.giver]
        self.rounds = [others]  # to be asked one after the other; none when the inquiry is over
        if self.giver is not None:
            self.rounds.insert(1 if self.giver.retry_at > now else 0, [self.giver])
        self.answers: list[list[bytes] | None] = []  # None for a server that was not reached
        self.unreached: list[Server] = []

    def take(self, answers: Sequence[list[bytes] | None]) -> None:
        """Take the answers of the first of ``rounds``."""
        asked = self.rounds.pop(0)
        told = [answer for answer in answers if answer is not None]
        known = [answer for answer in told if knows(answer)]
        if known and self.giver is not None:
            self.answers = [*known]
            self.unreached = []
            self.rounds = []
            return
        self.answers += answers
        self.unreached += [server for server, answer in zip(asked, answers, strict=True) if answer is None]
        if told and self.giver in asked:
            self.rounds = []

    def insist(self) -> None:
        """Have the servers asked again that were not reached."""
        if self.unreached:
            self.rounds = [self.unreached]
            self.unreached = []
            self.answers = list(filter(None, self.answers))
