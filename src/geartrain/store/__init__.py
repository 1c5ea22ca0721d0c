"""Where background jobs survive: the port a store implements, and the store of a URL.

``memory:`` is no store at all: nothing is held back for it. ``sqlite:PATH`` is a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from geartrain.errors import SettingsError
from geartrain.store.ports import Store

__all__ = ["Store", "default_url", "is_store", "open_store", "path_of"]

MEMORY: Final = "memory:"
SQLITE: Final = "sqlite:"
FILE: Final = "jobs.db"
SYSTEM_FOLDER: Final = "/var/lib/geartrain"


def is_store(url: str) -> bool:
    """Whether a store can have this URL."""
    return url == MEMORY or (url.startswith(SQLITE) and url != SQLITE)


def path_of(url: str) -> str:
    """The absolute path of the file that a URL names; raises SettingsError where it names none."""
    if not is_store(url) or url == MEMORY:
        raise SettingsError(f"the store {url!r} is no file, sqlite:PATH is expected")
    return str(Path(url.removeprefix(SQLITE)).absolute())


def default_url(environment: Mapping[str, str], user: int) -> str:
    """Where jobs are kept unless somebody says otherwise: a file in the state folder.

    That is the one systemd names, else the system's for root (``user`` 0) and the user's own for anybody else.
    """
    if environment.get("STATE_DIRECTORY"):
        folder = Path(environment["STATE_DIRECTORY"].split(":")[0])
    elif user == 0:
        folder = Path(SYSTEM_FOLDER)
    else:
        state = environment.get("XDG_STATE_HOME") or Path(environment.get("HOME", "/"), ".local", "state")
        folder = Path(state, "geartrain")
    return f"{SQLITE}{folder / FILE}"


def open_store(
    url: str, durability: str = "full", memory: int = 1 << 30, user: str = "", silent: bool = False
) -> Store | None:
    """The store of a URL, None for memory; raises StoreError where it cannot be used.

    What the others mean says ``SQLiteStore``.
    """
    if url == MEMORY:
        return None
    from geartrain.store.sqlite import SQLiteStore

    return SQLiteStore(path_of(url), durability, memory, user, silent)
