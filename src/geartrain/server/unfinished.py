"""Unfinished: what all connections together hold of packets and bodies that are not whole, within one budget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from geartrain.errors import ProtocolError

if TYPE_CHECKING:
    from geartrain.server.peer import Peer
    from geartrain.server.server import Server

LOOKS: Final = 16  # looks at the peers, while so much is received as the budget has


class Unfinished:
    """One budget for what nobody can work with yet.

    A peer may announce a large packet and never send its last byte. Where the budget is passed the peer with the
    largest part is refused: to wait for room could be for ever, as all others may wait for it, too. No peer counts
    its own bytes: the server looks at all of them each time when it has received a sixteenth of the budget.
    """

    def __init__(self, server: Server, budget: int) -> None:
        self.server = server
        self.budget = budget  # bytes
        self.next_look = 0  # when so many bytes were received
        self.packets = 0  # bytes of packets that were not whole at the last look
        self.bodies = 0  # bytes of the bodies of HTTP requests that are not whole

    def is_passed(self) -> bool:
        return self.total() > self.budget

    def total(self) -> int:
        """Bytes at the last count."""
        return self.packets + self.bodies

    def text(self) -> str:
        """What a peer hears that is refused."""
        return (
            f"packets and bodies that are not whole have more than {self.budget} bytes, see --max-unfinished"
        )

    def look(self) -> None:
        """Refuse the largest until the rest is within the budget."""
        self.next_look = self.server.received_bytes + self.budget // LOOKS
        held = self.count()
        if self.is_passed():
            self.refuse(sorted(held, key=lambda pair: pair[0]))

    def count(self) -> list[tuple[int, Peer]]:
        """What each peer holds."""
        desk = self.server.desk
        held = [(desk.held(peer.connection), peer) for peer in self.server.peers_by_number.values()]
        self.packets = sum(size for size, _ in held)
        return held

    def refuse(self, held: list[tuple[int, Peer]]) -> None:
        """Part with peers, from the end of the list."""
        while held and self.is_passed():
            size, peer = held.pop()
            self.packets -= size
            peer.end(ProtocolError(self.text(), refusal="ARGUMENT_TOO_LARGE"))
