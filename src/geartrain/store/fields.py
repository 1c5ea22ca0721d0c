"""The fields of a line of JSON, each taken once and checked."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Sequence
from typing import Final

from geartrain.broker.rows import LATEST

BASE64: Final = "_base64"
LARGEST_COUNT: Final = 2**32 - 1
SHOWN: Final = 80  # characters of a value that a message shows


def shown(value: object) -> str:
    """A value as a message shows it."""
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


class Fields:
    """A JSON object; whatever it asks for and does not get raises ValueError with the field, its value and more.

    A field that is null is one that is not there.
    """

    def __init__(self, line: bytes) -> None:
        try:
            given = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{shown(line)}: expected a JSON object: {error}") from None
        if not isinstance(given, dict):
            raise ValueError(f"{shown(given)}: expected a JSON object")
        self.left = {name: value for name, value in given.items() if value is not None}

    def has(self, name: str) -> bool:
        """Whether the field is there, as text or in base 64."""
        return name in self.left or name + BASE64 in self.left

    def end(self) -> None:
        """Nothing else may be there."""
        for name, value in self.left.items():
            raise ValueError(f"{name} {shown(value)}: expected no such field")

    def take(self, name: str, default: object = None) -> object:
        """The value of a field; one without a default must be there."""
        value = self.left.pop(name, default)
        if value is None:
            raise ValueError(f"there is no {name}: expected one")
        return value

    def data(self, name: str, default: bytes | None = None) -> bytes:
        """Bytes."""
        if name + BASE64 in self.left:
            return self.unpacked(name + BASE64)
        value = self.take(name, default)
        if isinstance(value, bytes):
            return value
        if not isinstance(value, str):
            raise ValueError(f"{name} {shown(value)}: expected a text")
        try:
            return value.encode()
        except UnicodeEncodeError:
            raise ValueError(f"{name} {shown(value)}: expected a text of whole characters") from None

    def unpacked(self, name: str) -> bytes:
        value = self.take(name)
        try:
            return b64decode(str(value), validate=True)
        except ValueError:
            raise ValueError(f"{name} {shown(value)}: expected bytes in base 64") from None

    def name(self, name: str, longest: int, default: bytes | None = None) -> bytes:
        """Bytes without NUL; not empty, unless that is the default."""
        data = self.data(name, default)
        if b"\0" in data or len(data) > longest or (default is None and not data):
            least = 1 if default is None else 0
            raise ValueError(f"{name} {shown(data)}: expected {least} to {longest} bytes without NUL")
        return data

    def text(self, name: str, default: str | None = None) -> str:
        """A text that is not empty."""
        value = self.take(name, default)
        if not isinstance(value, str) or not value or not value.isprintable():
            raise ValueError(f"{name} {shown(value)}: expected a text")
        return value

    def word(self, name: str, words: Sequence[str], default: str) -> str:
        """One of the words."""
        value = self.take(name, default)
        if not isinstance(value, str) or value not in words:
            raise ValueError(f"{name} {shown(value)}: expected one of {', '.join(words)}")
        return value

    def time(self, name: str, default: float | None = None) -> float:
        """Unix time."""
        value = self.take(name, default)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= LATEST:
            raise ValueError(f"{name} {shown(value)}: expected Unix seconds")
        return float(value)

    def count(self, name: str, default: int) -> int:
        """A whole number."""
        value = self.take(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST_COUNT:
            raise ValueError(f"{name} {shown(value)}: expected a whole number from 0 to {LARGEST_COUNT}")
        return value

    def object(self, name: str) -> dict[str, object] | None:
        """A JSON object; None where the field is none."""
        value = self.left.get(name)
        return self.left.pop(name) if isinstance(value, dict) else None
