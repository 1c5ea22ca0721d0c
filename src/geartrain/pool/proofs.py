"""Proofs: how two servers of a pool show each other that both know its secret, which neither of them says.

::

    front:   geartrain-link 2 FRONT LEADER NONCE      whom it means, and a number that is used once
    leader:  OK 2 LEADER NONCE PROOF[,PROOF]          who it is; a proof by each secret that it accepts
    front:   PROOF

A proof is an HMAC over who proves it (front or leader), both names, whom the front means, and both nonces. So a proof
of one role is none of the other, and one that was heard before is none of a new link.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Sequence
from typing import Final

from geartrain.errors import StoreError
from geartrain.printable import printable
from geartrain.relay.link_words import GREETING, LINK_VERSION

FRONT: Final = b"front"
LEADER: Final = b"leader"
VERSION: Final = b"%d" % LINK_VERSION
MOST_PROOFS: Final = 2  # by the secret and the one before
QUOTED: Final = 200  # bytes of what the other end says


class FrontsProof:
    """A front's side."""

    def __init__(self, me: str, leader: str, known: Sequence[bytes]) -> None:
        self.me = me.encode()
        self.leader = leader.encode()
        self.known = known  # the secrets that are accepted
        self.nonce = secrets.token_hex(16).encode()

    def greeting(self) -> bytes:
        """What the front says first."""
        return b" ".join([GREETING, VERSION, self.me, self.leader, self.nonce]) + b"\n"

    def answer(self, line: bytes) -> bytes:
        """What the front says to the leader's answer.

        Raises StoreError where the other end does not prove to be of the pool, and ConnectionRefusedError where it is
        of the pool and another server than the one that is meant.
        """
        words = line.split(b" ")
        if words[0] != b"OK":
            raise StoreError(f"it does not take a link: {printable(line, QUOTED)}")
        if len(words) != 5 or words[1] != VERSION:
            raise StoreError(
                f"it answers {printable(line, QUOTED)}, a link of version {LINK_VERSION} is expected"
            )
        _, _, name, nonce, proofs = words
        about = (self.me, self.leader, name, self.nonce, nonce)
        for secret in self.known:
            right = proof(secret, LEADER, *about)
            if any(hmac.compare_digest(said, right) for said in proofs.split(b",")[:MOST_PROOFS]):
                if name != self.leader:
                    raise ConnectionRefusedError(
                        f"another server of the pool is there: {printable(name, QUOTED)}"
                    )
                return proof(secret, FRONT, *about) + b"\n"
        raise StoreError("it does not prove that it is of this pool")


class LeadersProof:
    """A leader's side: of the line that a front greets with. Raises StoreError where that is none."""

    def __init__(self, greeting: bytes, me: str, known: Sequence[bytes]) -> None:
        words = greeting.rstrip(b"\r").split(b" ")
        version = words[1] if len(words) > 1 else b""
        if version != VERSION:
            raise StoreError(
                f"a link of version {printable(version, QUOTED)!r}, version {LINK_VERSION} is expected"
            )
        if len(words) != 5:
            raise StoreError(f"a greeting of {len(words)} words, 5 are expected")
        _, _, self.front, self.meant, self.front_nonce = words
        self.me = me.encode()
        self.known = known
        self.nonce = secrets.token_hex(16).encode()

    @property
    def server(self) -> str:
        """The id of the front, as it says."""
        return self.front.decode("ascii", "backslashreplace")

    def answer(self) -> bytes:
        """What the leader says to the greeting: also where another server is meant, as the front must know that."""
        proofs = b",".join([proof(secret, LEADER, *self.about()) for secret in self.known])
        return b" ".join([b"OK", VERSION, self.me, self.nonce, proofs]) + b"\n"

    def check(self, line: bytes) -> None:
        """Look at the front's proof; raises StoreError where it is none, or where another server is meant."""
        if self.meant != self.me:
            raise StoreError(f"a link to {printable(self.meant, QUOTED)}, which is not here")
        rights = [proof(secret, FRONT, *self.about()) for secret in self.known]
        if not any(hmac.compare_digest(line, right) for right in rights):
            raise StoreError("a link without a proof: its server is on another store, or has an old secret")

    def about(self) -> tuple[bytes, ...]:
        return self.front, self.meant, self.me, self.front_nonce, self.nonce


def proof(secret: bytes, role: bytes, *about: bytes) -> bytes:
    """The proof of one role; names and nonces have no newline."""
    return hmac.digest(secret, b"\n".join([GREETING, VERSION, role, *about]), "sha256").hex().encode()
