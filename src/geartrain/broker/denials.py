"""Denials: why a peer may not do what a packet or a line asks for, as far as that says so itself."""

from __future__ import annotations

from geartrain.broker.access import EVERY, RIGHTS, Access
from geartrain.broker.answers import text
from geartrain.broker.arguments import without_nul
from geartrain.broker.deeds import DENIED
from geartrain.broker.model import FUNCTION_LIMIT
from geartrain.broker.policy import is_wildcard, text_of
from geartrain.broker.rights import FUNCTION, LIST, PATTERN, SCHEDULE, UNKNOWN, Need
from geartrain.protocol.commands import ERROR, NAMES
from geartrain.protocol.documents import read_object
from geartrain.protocol.packet import response


def packet_denial(access: Access, command: int, need: Need, arguments: list[bytes]) -> str:
    """Why a packet is refused; empty where it is not, or where that depends on whose job it is about."""
    if need.on != FUNCTION:
        return "" if access.has(need.rights) else denial(NAMES[command], need.rights, "any function")
    name = without_nul(arguments[need.place])
    if access.may(need.rights, name):
        return ""
    return denial(NAMES[command], need.rights, f"function {text(name)}")


def is_too_long(need: Need, arguments: list[bytes]) -> bool:
    """Whether a packet names a function by more bytes than a name may have."""
    return need.on == FUNCTION and len(without_nul(arguments[need.place])) > FUNCTION_LIMIT


def line_denial(access: Access, need: Need, words: list[bytes]) -> str:
    """The same for a line of text."""
    verb = text(words[0].lower())
    if not need.rights:
        return ""
    if not access.has(need.rights):
        return denial(verb, need.rights, "any function")
    name = words[need.place] if UNKNOWN < need.place < len(words) else b""
    if need.on == SCHEDULE:
        return schedule_denial(access, need, words)
    if not name or may_name(access, need, name):
        return ""
    return denial(verb, need.rights, f"function {text(name)}")


def may_name(access: Access, need: Need, name: bytes) -> bool:
    """Whether a peer may do what it wants with a function, or with all that a wildcard stands for."""
    if need.on == PATTERN and is_wildcard(text_of(name)):
        return access.covers(need.rights, text_of(name))
    if need.on == LIST and name == EVERY.encode():
        return True  # it stands for what the peer may
    return need.on not in (FUNCTION, PATTERN, LIST) or access.may(need.rights, name)


def schedule_denial(access: Access, need: Need, words: list[bytes]) -> str:
    """The function of a schedule that is to be added is in its definition."""
    verb = text(words[0].lower())
    function: object = None
    try:
        function = read_object(words[2]).get("function") if len(words) > 2 else None
        name = function.encode("utf-8", "surrogateescape") if isinstance(function, str) else b""
    except ValueError as error:  # whatever cannot be judged is refused
        return f"{verb}: {error}"
    # Without a function it is refused as what it is: no schedule comes of it.
    if not name or access.may(need.rights, name):
        return ""
    return denial(verb, need.rights, f"function {text(name)}")


def denial(what: str, rights: int, where: str) -> str:
    """Why something is refused: what, and which right it needs on what."""
    names = " or ".join([name for name, right in RIGHTS.items() if right & rights])
    return f"{what} wants the right {names} on {where}"


def denied(reason: str) -> bytes:
    """The answer to a packet that is refused."""
    return response(ERROR, DENIED, reason.encode("utf-8", "backslashreplace"))


def denied_line(reason: str) -> bytes:
    """The answer to a line that is refused."""
    return b"ERR %b %b\r\n" % (DENIED, "+".join(reason.split()).encode("utf-8", "backslashreplace"))
