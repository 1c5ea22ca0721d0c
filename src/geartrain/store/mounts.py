"""What kind of file system a file is on."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

NETWORK: Final = {
    "9p", "afs", "ceph", "cifs", "fuse.glusterfs", "fuse.sshfs", "glusterfs", "nfs", "nfs4", "smb3", "smbfs",
}  # fmt: skip
FLEETING: Final = {"tmpfs", "ramfs", "overlay", "aufs"}
MOUNTS: Final = "/proc/self/mounts"
ESCAPES: Final = (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\"))


class Mount(NamedTuple):
    """A file system, and the folder in which it begins."""

    folder: str
    kind: str

    @property
    def is_network(self) -> bool:
        """Whether the files are another machine's."""
        return self.kind in NETWORK

    @property
    def is_fleeting(self) -> bool:
        """Whether the files are gone after a restart of the machine, or without the container."""
        return self.kind in FLEETING


def mount_of(path: str, table: str) -> Mount:
    """The file system that a path is on, by a table of mounts."""
    place = Path(path).resolve()
    found = Mount("/", "an unknown file system")
    for line in table.splitlines():
        _, folder, kind, *_ = line.split(" ")
        for escape, character in ESCAPES:
            folder = folder.replace(escape, character)
        # Of two at the same folder the later one is on top.
        if place.is_relative_to(folder) and len(folder) >= len(found.folder):
            found = Mount(folder, kind)
    return found


def mounts() -> str:
    """The system's table; empty where there is none."""
    try:
        return Path(MOUNTS).read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""
