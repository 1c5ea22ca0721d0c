"""Tokens on the wire: OPTION_REQ ``token:…``."""

from __future__ import annotations

from typing import Final

from geartrain.broker.access import Badge
from geartrain.broker.arguments import without_nul
from geartrain.broker.denials import denied
from geartrain.broker.refusals import LONGEST_OPTION
from geartrain.errors import ProtocolError
from geartrain.protocol.commands import OPTION_RES, TOKEN_OPTION
from geartrain.protocol.packet import response

MOST_WRONG: Final = 3  # tokens, with the last of which the connection ends
WRONG: Final = "the token is none of this server's"


def is_token(arguments: list[bytes]) -> bool:
    """Whether the arguments of OPTION_REQ are a token."""
    option = arguments[0]
    return len(option) <= LONGEST_OPTION and option[: len(TOKEN_OPTION)].lower() == TOKEN_OPTION


def shown_token(badge: Badge, arguments: list[bytes]) -> bytes:
    """The answer to a token, after which the badge is its holder's; raises ProtocolError after too many wrong ones."""
    access = badge.show(without_nul(arguments[0])[len(TOKEN_OPTION) :])
    if access is not None:
        badge.access = access
        return response(OPTION_RES, TOKEN_OPTION[:-1])
    badge.wrong += 1
    if badge.wrong >= MOST_WRONG:
        raise ProtocolError(f"{badge.wrong} wrong tokens", refusal="PERMISSION_DENIED")
    return denied(WRONG)
