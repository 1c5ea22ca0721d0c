"""Two servers of a pool show each other that both know its secret, which neither of them says."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest

from geartrain.errors import StoreError
from geartrain.pool.proofs import FrontsProof, LeadersProof

SECRET = b"0123456789abcdef0123456789abcdef"
OLD = b"an older secret"


def met(front: FrontsProof, me: str = "leader", known: Sequence[bytes] = (SECRET,)) -> list[bytes]:
    """All that is said until both are content."""
    greeting = front.greeting()
    leader = LeadersProof(greeting.rstrip(b"\n"), me, known)
    answer = leader.answer()
    proof = front.answer(answer.rstrip(b"\n"))
    leader.check(proof.rstrip(b"\n"))
    assert leader.server == "front"
    return [greeting, answer, proof]


def front(known: Sequence[bytes] = (SECRET,), leader: str = "leader") -> FrontsProof:
    return FrontsProof("front", leader, known)


def test_both_prove_and_neither_says_the_secret() -> None:
    greeting, answer, proof = met(front())
    nonce = rb"[0-9a-f]{32}"
    proven = rb"[0-9a-f]{64}"
    assert re.fullmatch(rb"geartrain-link 2 front leader %b\n" % nonce, greeting)
    assert re.fullmatch(rb"OK 2 leader %b %b\n" % (nonce, proven), answer)
    assert re.fullmatch(proven + rb"\n", proof)
    assert SECRET not in greeting + answer + proof


def test_nothing_that_was_said_is_said_again() -> None:
    one, other = met(front()), met(front())
    assert not set(one) & set(other)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ([SECRET], [OLD, SECRET]),
        ([OLD, SECRET], [SECRET]),
        ([b"new", OLD], [OLD, b"oldest"]),
        ([OLD], [b"new", OLD]),
    ],
)
def test_one_secret_in_common_will_do(ours: list[bytes], theirs: list[bytes]) -> None:
    met(front(ours), known=theirs)


def test_who_does_not_know_the_secret_is_refused_by_both() -> None:
    with pytest.raises(StoreError, match="it does not prove that it is of this pool"):
        met(front(), known=[OLD])
    asked = front()
    leader = LeadersProof(asked.greeting()[:-1], "leader", [SECRET])
    for guess in (b"", b"0" * 64, leader.answer().split()[-1], SECRET):
        with pytest.raises(StoreError, match="a link without a proof"):
            leader.check(guess)


def test_a_proof_is_of_one_role_and_one_link() -> None:
    """Whoever answers a front with what a leader is made to say by greeting it, or with what was said before, fails."""
    asked = front()
    _, before, _ = met(front())
    with pytest.raises(StoreError, match="does not prove"):
        asked.answer(before[:-1])
    reflected = LeadersProof(asked.greeting()[:-1], "leader", [SECRET])
    proof = reflected.answer().split()[-1]
    with pytest.raises(StoreError, match="without a proof"):
        reflected.check(proof)
    other = LeadersProof(front(leader="other").greeting()[:-1], "other", [SECRET])
    with pytest.raises(StoreError, match="does not prove"):
        asked.answer(other.answer()[:-1])


def test_another_server_of_the_pool_is_told_from_a_stranger() -> None:
    asked = front(leader="dead")
    alive = LeadersProof(asked.greeting()[:-1], "alive", [SECRET])
    with pytest.raises(ConnectionRefusedError, match="another server of the pool is there: alive"):
        asked.answer(alive.answer()[:-1])
    stranger = LeadersProof(asked.greeting()[:-1], "alive", [b"guessed"])
    with pytest.raises(StoreError, match="does not prove"):
        asked.answer(stranger.answer()[:-1])
    with pytest.raises(StoreError, match="a link to dead, which is not here"):
        alive.check(b"")


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b"geartrain-link", "a link of version '', version 2 is expected"),
        (b"geartrain-link 1 me secret", "a link of version '1', version 2 is expected"),
        (b"geartrain-link 2 me", "a greeting of 3 words, 5 are expected"),
        (b"geartrain-link 2 a b c d", "a greeting of 6 words, 5 are expected"),
    ],
)
def test_a_greeting_that_is_none_is_refused(line: bytes, error: str) -> None:
    with pytest.raises(StoreError, match=error):
        LeadersProof(line, "leader", [SECRET])


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b"", "it does not take a link: $"),
        (b"ERR no\x1b[31m", r"it does not take a link: ERR no\\x1b\[31m"),
        (b"OK 1 leader", "it answers OK 1 leader, a link of version 2 is expected"),
        (b"OK 2 leader nonce " + b"," * 500, "does not prove"),
    ],
)
def test_an_answer_that_is_none_is_refused(line: bytes, error: str) -> None:
    with pytest.raises(StoreError, match=error):
        front().answer(line)
