"""Stores in an engine for tests, each with the lease of its shard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from geartrain.pool.address import Address
from geartrain.pool.registry import Registry
from geartrain.pool.store import ValkeyStore

SECONDS = 60.0


@asynccontextmanager
async def registry_of(address: Address, **options: Any) -> AsyncIterator[Registry]:
    """A registry that is closed in the end."""
    registry = Registry(address, **options)
    try:
        yield registry
    finally:
        await registry.close()


@asynccontextmanager
async def opened(
    address: Address, token: str = "a", shard: int = 0, **options: Any
) -> AsyncIterator[ValkeyStore]:
    """The store of a shard whose lease is taken, from whoever has it."""
    async with registry_of(address) as registry:
        before = await registry.lease(shard)
        await registry.lead(shard, token, "{}", SECONDS, instead_of=before.token if before else "")
    store = ValkeyStore(address, shard, token, **options)
    try:
        yield store
    finally:
        await store.close(0)


def in_loop(test: Callable[[Address], Awaitable[None]]) -> Callable[[Address], None]:
    """A test that is a coroutine, with a pool of its own."""

    def run(address: Address) -> None:
        async def conversation() -> None:
            await test(address)

        asyncio.run(conversation())

    run.__name__ = test.__name__
    run.__doc__ = test.__doc__
    return run
