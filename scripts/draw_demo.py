"""Draw what ``geartrain demo`` shows in a terminal, halfway through its progress bar, as ``images/demo.svg``.

    python scripts/draw_demo.py

It runs the demo in a pseudo-terminal and reads the screen as a terminal would (pyte), so the picture is the program's.
"""

from __future__ import annotations

import io
import os
import pty
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pyte
from rich.console import Console
from rich.text import Text

COLUMNS, LINES = 80, 50
PICTURE = Path(__file__).parent / "images" / "demo.svg"


def main() -> None:
    """Run the demo once and write the picture of its last screen, with the bar as it was halfway."""
    screen = pyte.Screen(COLUMNS, LINES)
    stream = pyte.ByteStream(screen)
    halfway: dict[int, Text] = {}
    for chunk in output_of([sys.executable, "-m", "geartrain", "demo"]):
        stream.feed(chunk)
        for number, line in enumerate(screen.display):
            if re.search(r" [78]/14", line):
                halfway[number] = line_of(screen, number)
    lines = [halfway.get(number) or line_of(screen, number) for number in range(LINES)]
    while not lines[-1].plain.strip():
        lines.pop()
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text("\n").join(lines))
    drawn = console.export_svg(title="geartrain demo")
    # rich names a font on the web; a picture in a repository must look the same without it.
    PICTURE.write_text(re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL))


def output_of(command: list[str]) -> Iterator[bytes]:
    """What a command writes to its terminal, as it comes."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(COLUMNS=str(COLUMNS), LINES=str(LINES), TERM="xterm-256color")
        os.execvp(command[0], command)
    while True:
        try:
            yield os.read(terminal, 65536)
        except OSError:  # the terminal's other end is closed
            break
    os.waitpid(pid, 0)


def line_of(screen: pyte.Screen, number: int) -> Text:
    """A line of the screen, in its colours."""
    line = Text()
    for column in range(COLUMNS):
        cell = screen.buffer[number][column]
        line.append(cell.data, style=style_of(cell))
    line.rstrip()
    return line


def style_of(cell: pyte.screens.Char) -> str:
    """A cell's look in rich's words."""
    words = ["bold"] if cell.bold else []
    if cell.fg != "default":
        is_number = re.fullmatch(r"[0-9a-f]{6}", cell.fg)
        words.append(
            f"#{cell.fg}" if is_number else cell.fg.replace("brown", "yellow").replace("bright", "bright_")
        )
    return " ".join(words)


if __name__ == "__main__":
    main()
