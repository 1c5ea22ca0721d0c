"""The unit files, read as systemd reads them."""

from __future__ import annotations

from pathlib import Path

PACKAGING = Path(__file__).parents[2] / "packaging"
UNITS = PACKAGING / "systemd"


def settings_of(unit: str) -> dict[str, list[str]]:
    """What a unit file sets, in order: a key may come again."""
    found: dict[str, list[str]] = {}
    for line in (UNITS / unit).read_text().splitlines():
        key, separator, value = line.partition("=")
        if separator and not line.startswith(("#", ";")):
            found.setdefault(key, []).append(value)
    return found
