"""Node: a connection to one process of the engine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final, cast

from hiredis import pack_command
from redis.asyncio import Connection, SSLConnection
from redis.exceptions import AuthenticationError, RedisError, ResponseError

from geartrain.errors import EngineLost
from geartrain.pool.address import Address, Place

Argument = bytes | str | int
Command = Sequence[Argument]
Reply = Any  # what the engine says: bytes, numbers, lists of these, or a ResponseError

CONNECT_PATIENCE: Final = 2.0  # seconds
PATIENCE: Final = 2.0  # seconds for an answer: one who does not answer is taken for dead


class Node:
    """One connection, which is closed for good when an answer is missing."""

    def __init__(self, address: Address, place: Place, with_password: bool = True) -> None:
        self.place = place
        self.is_open = False
        self.connection: Any = connection_to(address, place, with_password)

    async def open(self) -> None:
        """Connect; raises EngineLost where that does not work."""
        try:
            async with asyncio.timeout(CONNECT_PATIENCE):
                await self.connection.connect()
            self.is_open = True
        except (RedisError, OSError) as error:
            await self.close()
            raise self.lost(error) from error

    async def ask(self, commands: Sequence[Command], patience: float = PATIENCE) -> list[Reply]:
        """The answers to commands that are sent at once; errors of the engine among them.

        Raises EngineLost where one is missing, after which nobody knows what was done.
        """
        connection = self.connection
        try:
            if not self.is_open:  # the library would connect again, and know nothing of what was before
                raise ConnectionResetError("the connection has ended")
            async with asyncio.timeout(patience):
                packed = [pack(tuple(command)) for command in commands]
                await connection.send_packed_command(packed, check_health=False)
                return [await self.answer() for _ in commands]
        except (RedisError, OSError) as error:
            await self.close()
            raise self.lost(error) from error
        except BaseException:  # whoever asks next must not get the answers to this
            await self.close()
            raise

    def local_host(self) -> str:
        """The address of our end."""
        return str(self.connection._writer.get_extra_info("sockname")[0])

    async def answer(self) -> Reply:
        try:
            return await self.connection.read_response()
        except ResponseError as error:
            return error

    async def close(self) -> None:
        """Let go of the connection."""
        self.is_open = False
        await self.connection.disconnect(nowait=True)

    def lost(self, error: Exception) -> EngineLost:
        if isinstance(error, AuthenticationError):
            return EngineLost(
                f"the engine at {at(self.place)} refuses the user or password of the URL: {error}"
            )
        why = "it does not answer" if isinstance(error, TimeoutError) else str(error)
        return EngineLost(f"the engine at {at(self.place)} is lost: {why}")


pack = cast(Callable[[tuple[Argument, ...]], bytes], pack_command)  # its stub knows tuples of one only


def at(place: Place) -> str:
    """A place as people write it."""
    host, port = place
    return f"{host}:{port}"


def connection_to(address: Address, place: Place, with_password: bool) -> Connection:
    """A connection that is not open yet, and whose time-outs are ours."""
    host, port = place
    common: dict[str, Any] = {
        "host": host,
        "port": port,
        "db": address.database,
        "username": (address.user or None) if with_password else None,
        "password": (address.password or None) if with_password else None,
        "socket_timeout": None,
        "socket_connect_timeout": CONNECT_PATIENCE,
        "protocol": 2,
        "driver_info": None,  # to say it, the library would look for its own version in files, and ask twice more
    }
    if address.tls is None:
        return Connection(**common)
    return SSLConnection(
        ssl_cert_reqs="required",
        ssl_check_hostname=True,
        ssl_ca_certs=address.tls.authorities or None,
        ssl_certfile=address.tls.certificate or None,
        ssl_keyfile=address.tls.key or None,
        **common,
    )
