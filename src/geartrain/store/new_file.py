"""Files that are there whole, or not at all."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from geartrain.errors import SettingsError, StoreError
from geartrain.store.schema import owner_of, process_of

MODE: Final = 0o640  # workloads are nobody else's business


def check_free(path: Path, replace: bool, source: str) -> None:
    """Whether a file may be written there, with something of what ``source`` is; raises SettingsError."""
    if not path.exists():
        return
    if path.samefile(source):
        raise SettingsError(f"{path} is the store itself, the name of another file is expected")
    if not path.is_file() or path.is_symlink():
        raise SettingsError(f"{path} is no plain file, the name of a new file is expected")
    if not replace:
        raise SettingsError(f"{path} is there already, a new file is expected (--force replaces it)")
    owner = owner_of(str(path))
    if owner:
        raise SettingsError(f"{path} is in use by a server{process_of(owner)}: it cannot be replaced")


@contextlib.contextmanager
def new_file(path: Path, replace: bool, source: str) -> Iterator[Path]:
    """An empty file beside ``path``, which takes its place when the block ends well, and goes when it does not.

    Raises SettingsError where ``path`` is taken, and StoreError where nothing can be written.
    """
    check_free(path, replace, source)
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        os.fchmod(descriptor, mode_for(path))
        os.close(descriptor)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}") from None
    part = Path(name)
    try:
        yield part
        check_free(path, replace, source)
        sync(part)
        part.replace(path)
        sync(path.parent)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)


def mode_for(path: Path) -> int:
    """The rights of the file that is replaced, if there is one."""
    return stat.S_IMODE(path.stat().st_mode) if path.exists() else MODE


def sync(path: Path) -> None:
    """See to it that a file, or what a folder lists, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
