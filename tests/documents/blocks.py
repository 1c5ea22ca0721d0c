"""What a page of the documents has us type: its code blocks, each with what a reader is to do with it.

An HTML comment before a block says what is not plain from its language; readers do not see it:

    <!-- file: NAME -->        save it in the page's folder; nothing is run
    <!-- start -->             a program for each line (Python: one), which goes on until the page ends
    <!-- until: COMMAND -->    as start; the page goes on when COMMAND succeeds
    <!-- fails -->             the last command ends with an error
    <!-- elsewhere: WHY -->    only its syntax is looked at: it needs what a test has not, such as systemd or a registry
    <!-- shape -->             a form to fill in

Without one, programs are run, and files (TOML, JSON, YAML, INI) are parsed. A block without a language is a picture.
What a page takes for granted is a comment alone:

    <!-- running: COMMAND -->  a program that goes on until the page ends
    <!-- given: COMMAND -->    succeeds, sooner or later, before the page goes on
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, NamedTuple

ITEM: Final = re.compile(
    r"^<!-- (?P<given>given|running): (?P<command>.+?) -->$"
    r"|(?:^<!-- (?P<verb>[a-z]+)(?:: (?P<what>.+?))? -->\n+)?"
    r"^(?P<indent> *)```(?P<language>\w*)[^\n]*\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
VERBS: Final = {
    "": False,
    "file": True,
    "start": False,
    "until": True,
    "fails": False,
    "elsewhere": True,
    "shape": False,
}
"""By verb: whether it says what."""


class Block(NamedTuple):
    """A code block of a page, or what the page takes for granted."""

    page: Path
    line: int
    language: str  # empty for a picture
    text: str
    verb: str  # empty where no comment is before it
    what: str  # what the comment says after the verb

    @property
    def place(self) -> str:
        return f"{self.page.name}:{self.line}"


def blocks_of(page: Path) -> list[Block]:
    """The code blocks of a page, in order; raises ValueError for a comment that says nothing known."""
    document = page.read_text()
    return [block_of(page, document, match) for match in ITEM.finditer(document)]


def block_of(page: Path, document: str, match: re.Match[str]) -> Block:
    if match["given"]:
        return Block(
            page, document.count("\n", 0, match.start()) + 1, "", "", match["given"], match["command"]
        )
    line = document.count("\n", 0, match.start("language")) + 1
    verb, what = match["verb"] or "", match["what"] or ""
    if verb not in VERBS or VERBS[verb] != bool(what):
        raise ValueError(f"{page}:{line}: <!-- {verb}: {what} --> is none of {', '.join(VERBS)}")
    text = re.sub(rf"^{match['indent']}", "", match["text"], flags=re.MULTILINE)
    return Block(page, line, match["language"], text, verb, what)
