"""Arbitrary packets from many connections, through fronts and a seat: peers hear what one broker would say."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from tests.broker.test_invariants import Conversation
from tests.relay.member import Member
from tests.wire import Build


class PooledConversation(Conversation):
    """The same rules and invariants, and a link between the peers and the broker."""

    build: ClassVar[Build] = partial(Member, 1)


TestPooledConversation = PooledConversation.TestCase
