"""The API's sessions: who a browser's user is."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from geartrain.web.answers import answer
from geartrain.web.calls import Call
from geartrain.web.csrf import token
from geartrain.web.identity import Door
from geartrain.web.operations import Operation
from geartrain.web.rows import OBJECT, TEXT, row
from geartrain.web.schemas import members, text
from geartrain.web.sessions import COOKIE, LONGEST

SESSION: Final = row({"host": TEXT, "rights": OBJECT, "csrf": TEXT}, "rights", "csrf")


async def show_session(call: Call) -> Response:
    return answer(told(call))


def told(call: Call) -> dict[str, object]:
    return {
        "host": call.identity.host,
        "rights": call.around.keeper.rights(call.identity),
        "login": call.around.keeper.guards(),
        "logged_in": bool(call.identity.digest),
        "csrf": token(call.sessions.secret, call.request),
    }


async def log_in(call: Call) -> Response:
    door = Door(call.around.keeper, call.sessions)
    identity = await door.with_token(call.identity, str(call.body["token"]))
    call.around.keeper.logged_in(identity)
    response = Response(None, 204)
    response.set_cookie(
        COOKIE,
        call.sessions.begin(identity.digest),
        max_age=int(LONGEST),
        path=call.around.prefix or "/",
        secure=call.request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return response


async def log_out(call: Call) -> Response:
    call.sessions.end(call.request)
    response = Response(None, 204)
    response.delete_cookie(COOKIE, path=call.around.prefix or "/", httponly=True, samesite="strict")
    return response


OPERATIONS: Final = (
    Operation(
        "GET", "/session", show_session, "Who you are, and what you may do", answers={200: SESSION}, free=True
    ),
    Operation(
        "POST",
        "/session",
        log_in,
        "Log in with a token: a cookie says who you are from then on",
        body=members(
            {"token": text("What the server's configuration has", minLength=1, maxLength=4096)}, "token"
        ),
        answers={204: ""},
        free=True,
    ),
    Operation("DELETE", "/session", log_out, "Log out", answers={204: ""}, free=True),
)
