"""What becomes of an answer whose caller has hung up: nothing."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Unheard:
    """Drops what is said to callers that are gone.

    uvicorn may close a connection, for what else came over it, before the answer is written; it would then take the
    refusal of the closed transport for a fault of the application, and fill the log with it.
    """

    def __init__(self, inner: ASGIApp) -> None:
        self.inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        gone = False

        async def tell(message: Message) -> None:
            nonlocal gone
            if gone:
                return
            try:
                await send(message)
            except RuntimeError:
                gone = True

        await self.inner(scope, receive, tell)
        while gone and (await receive())["type"] != "http.disconnect":
            pass  # uvicorn has not noticed yet
