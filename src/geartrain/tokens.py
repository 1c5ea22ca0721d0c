"""Tokens: what a program says to servers that have access rules, and where that stands."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from geartrain.errors import SettingsError

VARIABLE: Final = "GEARTRAIN_TOKEN"
FILE_VARIABLE: Final = "GEARTRAIN_TOKEN_FILE"


def token_of(given: str | None, environment: Mapping[str, str]) -> str:
    """The token that is given, else that of the environment; empty where there is none.

    Raises SettingsError where it cannot be read, or is none.
    """
    if given is None:
        given = environment.get(VARIABLE, "")
        path = environment.get(FILE_VARIABLE, "")
        if not given and path:
            return token_in(path)
    return checked(given.strip(), "token")


def token_in(path: str) -> str:
    """The first line of a file."""
    try:
        text = Path(path).read_text(encoding="ascii")
    except OSError as error:
        raise SettingsError(f"cannot read the token in {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"the token in {path} wants printable ASCII") from None
    lines = text.split("\n")
    if not lines[0].strip():
        raise SettingsError(f"the token in {path} wants to be its first line, which is empty")
    return checked(lines[0].strip(), f"the token in {path}")


def checked(token: str, place: str) -> str:
    """The token; what is wrong with it is said without showing it."""
    if not token.isascii() or not token.isprintable() or " " in token:
        raise SettingsError(f"{place} wants printable ASCII without blanks")
    return token
