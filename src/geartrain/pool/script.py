"""Script: what the engine runs in one step, from a file beside this one."""

from __future__ import annotations

from hashlib import sha1
from importlib.resources import files
from typing import Final


class Script:
    """A script by the name of its file.

    It is called by its hash, so that servers of two releases can share an engine, each with its own scripts.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.text = files("geartrain.pool").joinpath("scripts", f"{name}.lua").read_bytes()
        self.sha = sha1(self.text, usedforsecurity=False).hexdigest().encode()


COMMIT: Final = Script("commit")
LEAD: Final = Script("lead")
RENEW: Final = Script("renew")
RELEASE: Final = Script("release")
BEAT: Final = Script("beat")
JOIN: Final = Script("join")
SECRETS: Final = Script("secrets")
