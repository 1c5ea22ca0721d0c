"""Arbitrary packets from many connections, through fronts and a seat: what holds for one broker holds for a pool."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from tests.broker.test_invariants import Conversation
from tests.broker.test_policy_invariants import Operations
from tests.relay.member import Member
from tests.wire import Build


class PooledConversation(Conversation):
    """The same rules and invariants, and a link between the peers and the broker."""

    build: ClassVar[Build] = partial(Member, 1)


class PooledOperations(Operations):
    """The same again, with an operator who changes policies."""

    build: ClassVar[Build] = partial(Member, 1)


TestPooledConversation = PooledConversation.TestCase
TestPooledOperations = PooledOperations.TestCase
