"""Shards: the functions of a pool in as many parts as it was made with, and numbers that say whose a job is.

A shard's jobs have the numbers that leave the shard's own when divided by how many there are. A server that is alone
has the only shard, 0 of 1.
"""

from __future__ import annotations

from zlib import crc32

from geartrain.broker.broker import Broker
from geartrain.broker.model import number_of


def shard_of(function: bytes, shards: int) -> int:
    """The shard of a function."""
    return crc32(function) % shards


def shard_of_handle(handle: bytes, shards: int) -> int:
    """The shard of the job with that handle."""
    return number_of(handle) % shards


def is_ours(broker: Broker, function: bytes) -> bool:
    """Whether a function is of the broker's shard."""
    return shard_of(function, broker.rules.shards) == broker.rules.shard


def pass_by(broker: Broker, number: int) -> None:
    """Give no number up to this one any more."""
    rules = broker.rules
    broker.last_handle = max(broker.last_handle, number + (rules.shard - number) % rules.shards)
