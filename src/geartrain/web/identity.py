"""Who a request is from: the only place that knows."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from starlette.requests import Request

from geartrain.web.ports import Identity, Keeper
from geartrain.web.problems import Problem
from geartrain.web.sessions import Sessions

PENALTY: Final = 1.0  # seconds that a wrong token costs
EXTENSION: Final = (
    "geartrain"  # of a scope: the address that the request came to, and names in its certificate
)
SCHEME: Final = "bearer "
CHALLENGE: Final = {"WWW-Authenticate": "Bearer"}


class Door(NamedTuple):
    """Where requests come in."""

    keeper: Keeper
    sessions: Sessions

    async def identify(self, request: Request) -> Identity:
        """Who sent a request; raises Problem where its token is nobody's, after a while."""
        identity = self.seen(request)
        if not self.keeper.guards():
            return identity
        authorization = request.headers.get("authorization", "")
        if not authorization.lower().startswith(SCHEME):
            return identity._replace(digest=self.sessions.of(request))
        return await self.with_token(identity, authorization[len(SCHEME) :].strip())

    async def with_token(self, identity: Identity, token: str) -> Identity:
        """The holder of a token."""
        digest = self.keeper.digest(identity, token)
        if not digest:
            await asyncio.sleep(PENALTY)
            raise unknown("the token is none of this server's")
        return identity._replace(digest=digest)

    def seen(self, request: Request) -> Identity:
        """Who sent a request, as far as its connection tells."""
        host = request.client.host if request.client is not None else "unix"
        told: Mapping[str, Any] = request.scope.get("extensions", {}).get(EXTENSION, {})
        return Identity(host, self.keeper.listener(told.get("address")), told.get("certificates", ()))

    def check(self, identity: Identity) -> None:
        """Raise Problem for who may do nothing at all."""
        if any(self.keeper.rights(identity).values()):
            return
        if identity.digest:
            raise Problem(403, "your token gives no right to anything")
        raise unknown("wants a token: Authorization: Bearer, or POST /session")


def unknown(detail: str) -> Problem:
    problem = Problem(401, detail)
    problem.headers.update(CHALLENGE)
    return problem
