"""Becoming another user of this machine."""

from __future__ import annotations

import os
import pwd


def become(user: str) -> None:
    """Go on as another user, with its groups only; only root can. An empty name changes nothing."""
    if not user:
        return
    entry = pwd.getpwnam(user)
    os.initgroups(user, entry.pw_gid)
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
