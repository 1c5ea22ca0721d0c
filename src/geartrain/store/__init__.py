"""Where background jobs survive: the port a store implements, and the store of a URL.

``memory:`` is the only one of this release, and it is no store at all: nothing is held back for it.
"""

from __future__ import annotations

from geartrain.errors import SettingsError
from geartrain.store.ports import Store

__all__ = ["Store", "open_store"]


def open_store(url: str) -> Store | None:
    """The store of a URL, None for memory; raises SettingsError for a URL of another kind."""
    if url == "memory:":
        return None
    raise SettingsError(f"--store wants memory:, the only store of this release, got {url!r}")
