"""Follows a page of the documents to the letter: ``python -m tests.documents.follow PAGE FOLDER``.

It has a network of its own (the namespace in which it is started), so the ports are those of the page, and a folder of
its own, which is its home, too. What a page starts ends with it.
"""

from __future__ import annotations

import configparser
import fcntl
import json
import os
import re
import shlex
import signal
import socket
import struct
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import yaml

from geartrain.server.configuration import read_configuration
from tests.documents.blocks import Block, blocks_of

PATIENCE: Final = 30.0  # seconds that a command may take
SET_FLAGS: Final = 0x8914  # SIOCSIFFLAGS
UP: Final = 0x1 | 0x40  # IFF_UP, IFF_RUNNING
ANYTHING: Final = re.compile(r"…|\.\.\.")


class Page:
    """One reader at one page."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started: list[subprocess.Popen[bytes]] = []
        self.environment = {
            **os.environ,
            "HOME": str(folder),
            "STATE_DIRECTORY": str(folder / "state"),
            "PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]),
            "COLUMNS": "120",
            "NO_COLOR": "1",
        }

    def follow(self, block: Block) -> None:
        """Do what a block asks for; raises AssertionError where that does not work."""
        if block.verb == "running":
            self.begin(f"exec {block.what}")
        elif block.verb == "given":
            self.wait_for(block)
        elif block.verb == "file":
            target = self.folder / block.what
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.text)
        elif block.verb in ("start", "until"):
            self.start(block)
        elif block.verb == "elsewhere":
            self.look(block)
        elif block.verb != "shape" and block.language:
            RUNS[block.language](self, block)

    # Programs

    def start(self, block: Block) -> None:
        """Start the programs of a block, and wait for what it says."""
        for line in programs_of(block):
            self.begin(line)
        if block.verb == "until":
            self.wait_for(block)

    def begin(self, line: str) -> None:
        log = (self.folder / f"started-{len(self.started)}.log").open("wb")
        self.started.append(
            subprocess.Popen(
                ["bash", "-c", line],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        )

    def wait_for(self, block: Block) -> None:
        deadline = time.monotonic() + PATIENCE
        while (done := self.shell(block.what)).returncode != 0:
            assert time.monotonic() < deadline, f"{block.place}: {block.what}\n{done.stdout}\n{self.logs()}"
            time.sleep(0.05)

    def shell(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run a script of bash as a reader types it: all its output in one."""
        return subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", script],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def program(self, block: Block, *command: str) -> str:
        """Have a program do a block, and what it printed."""
        return self.expect(
            block, self.shell(f"{' '.join(command)} <<'END-OF-BLOCK'\n{block.text}END-OF-BLOCK\n")
        )

    def expect(self, block: Block, done: subprocess.CompletedProcess[str]) -> str:
        right = (done.returncode != 0) == (block.verb == "fails")
        assert right, f"{block.place} ended with {done.returncode}:\n{done.stdout}\n{self.logs()}"
        return done.stdout

    def python(self, block: Block) -> None:
        self.program(block, "python", "-")

    def php(self, block: Block) -> None:
        self.program(block, "php")

    def perl(self, block: Block) -> None:
        self.program(block, "perl", "-")

    def sh(self, block: Block) -> None:
        self.expect(block, self.shell(block.text))

    def console(self, block: Block) -> None:
        """Each command, and what it prints: … stands for anything."""
        for command, expected in dialogue_of(block.text):
            done = self.shell(command)
            printed = done.stdout if block.verb == "fails" else self.expect(block, done)
            pattern = ".*".join(re.escape(part) for part in ANYTHING.split(expected.strip()))
            matches = re.fullmatch(pattern, untrailed(printed), re.DOTALL)
            assert matches, f"{block.place}: {command} printed\n{printed}\nand not\n{expected}\n{self.logs()}"

    # Files

    def look(self, block: Block) -> None:
        """Whether the syntax of what cannot be run here is right."""
        if block.language in ("sh", "console"):
            script = "\n".join(commands_of(block))
            checked = subprocess.run(
                ["bash", "-n", "-c", script], capture_output=True, text=True, check=False
            )
            assert checked.returncode == 0, f"{block.place}: {checked.stderr}"
        elif block.language in PARSES:
            PARSES[block.language](block.text)

    def toml(self, block: Block) -> None:
        """A part of the server's configuration."""
        file = self.folder / "example.toml"
        file.write_text(block.text)
        read_configuration(str(file))

    def parsed(self, block: Block) -> None:
        PARSES[block.language](block.text)

    # The end

    def logs(self) -> str:
        """The last words of what was started."""
        logs = sorted(self.folder.glob("started-*.log"))
        return "\n".join(f"{log.name}: {log.read_text(errors='replace')[-2000:]}" for log in logs)

    def end(self) -> None:
        """End what was started, the last one first."""
        for program in reversed(self.started):
            program.send_signal(signal.SIGTERM)
            try:
                program.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                program.kill()
                program.wait()


def programs_of(block: Block) -> list[str]:
    """What to start: a program of each line, or the one that the block is."""
    if block.language == "python":
        return [f"exec python -c {shlex.quote(block.text)}"]
    return [f"exec env {line}" for line in commands_of(block)]


def commands_of(block: Block) -> list[str]:
    """The commands of a block: a backslash at the end of a line goes on, # begins a remark."""
    text = block.text.replace("\\\n", " ")
    lines = [
        line.removeprefix("$ ")
        for line in text.splitlines()
        if block.language != "console" or line[:2] == "$ "
    ]
    return [line for line in lines if shlex.split(line, comments=True)]


def dialogue_of(text: str) -> list[tuple[str, str]]:
    """Commands, each with the lines that follow."""
    said = re.split(r"^\$ ", text.replace("\\\n", " "), flags=re.MULTILINE)
    return [(line, printed) for line, _, printed in (part.partition("\n") for part in said[1:])]


def untrailed(text: str) -> str:
    """A text without blanks at the ends of its lines."""
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def parse_ini(text: str) -> None:
    parser = configparser.ConfigParser(strict=False, interpolation=None, allow_no_value=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text)


PARSES: Final[Mapping[str, Callable[[str], object]]] = {
    "json": json.loads,
    "toml": tomllib.loads,
    "ini": parse_ini,
    "yaml": yaml.safe_load,
}
RUNS: Final[Mapping[str, Callable[[Page, Block], None]]] = {
    "python": Page.python,
    "php": Page.php,
    "perl": Page.perl,
    "sh": Page.sh,
    "console": Page.console,
    "toml": Page.toml,
    "json": Page.parsed,
    "ini": Page.parsed,
    "yaml": Page.parsed,
}


def bring_up_loopback() -> None:
    """A new network has 127.0.0.1, but down."""
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SET_FLAGS, struct.pack("16sh", b"lo", UP))


def main() -> None:
    bring_up_loopback()
    page = Page(Path(sys.argv[2]))
    try:
        for block in blocks_of(Path(sys.argv[1])):
            page.follow(block)
    finally:
        page.end()


if __name__ == "__main__":
    main()
