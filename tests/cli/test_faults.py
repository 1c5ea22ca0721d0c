"""Every command of the program, by its own table: no missing stream and no argument ends it in a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import click
import pytest

from tests.cli.forked import leaves
from tests.cli.program import Shop

ENDLESS = {
    ("server",),
    ("worker",),
    ("demo",),
    ("top",),
    ("tail",),
}  # commands that end by a signal, but for wrong usage
ALSO = {
    ("server",): ["--check-args"],
    ("submit",): ["-b"],
    ("wait",): ["--timeout", "10ms"],
    ("schedules", "add"): ["--every", "1h"],
}
PLAIN = {
    "fields": "timeout=5",
    "numbers": "3",
    "shell": "bash",
    "seconds": "1",
}  # arguments that a run without fault has

HOSTILE = (
    "caf\udce9\udcff",  # bytes that are not UTF-8
    "",
    "9" * 5000,
    "1e400",
    "-1",
    "nan",
    "\t\x1b]0;x\x07\u202e\n",
    "[" * 3000,
)
FAULTS: tuple[dict[str, str], ...] = (
    {"stdout": "closed"},
    {"stdout": "full"},
    {"stdin": "closed"},
    {"stderr": "closed"},
    {"stderr": "full"},
    {"stdin": "closed", "stdout": "closed", "stderr": "closed"},
)
STATUSES = (0, 1, 2, 3)

COMMANDS = leaves()


class Run(NamedTuple):
    """How a run ended."""

    words: list[str]
    status: int
    stdout: str
    stderr: str

    def assert_plain(self) -> None:
        """It has a status that is documented, and no traceback."""
        assert self.status in STATUSES, self
        assert "Traceback" not in self.stderr, self
        assert "Exception ignored" not in self.stderr, self


class Program:
    """The program, run in a process for each question."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def run(self, words: list[str], faults: Mapping[str, str]) -> Run:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(json.dumps({"words": words, "faults": faults}), file=self.process.stdin, flush=True)
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return Run(words, **answer)


@pytest.fixture(scope="module")
def program(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    folder = tmp_path_factory.mktemp("faults")
    environment = {
        **os.environ,
        "GEARMAN_SERVERS": shop.server.address,
        "STATE_DIRECTORY": str(folder),
        "PYTHONPATH": str(Path.cwd()),
    }
    with subprocess.Popen(
        [sys.executable, "-m", "tests.cli.forked"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=folder,
    ) as process:
        yield Program(process)
        assert process.stdin is not None
        process.stdin.close()


def arguments_of(command: click.Command) -> list[click.Argument]:
    return [parameter for parameter in command.params if isinstance(parameter, click.Argument)]


def options_of(name: tuple[str, ...]) -> list[str]:
    """The options of a command that have a value, without those that an earlier command has, too."""
    seen = {
        option
        for before in list(COMMANDS)[: list(COMMANDS).index(name)]
        for option in valued(COMMANDS[before])
    }
    return [option for option in valued(COMMANDS[name]) if option not in seen]


def valued(command: click.Command) -> list[str]:
    return [
        parameter.opts[-1]
        for parameter in command.params
        if isinstance(parameter, click.Option) and not parameter.is_flag
    ]


def plain(command: click.Command) -> list[str]:
    """Arguments with which a command has no reason to fail but that nothing is named so."""
    names = [
        argument.name or "" for argument in arguments_of(command) if argument.required or argument.nargs < 0
    ]
    return [PLAIN.get(name, "plain") for name in names]


@pytest.mark.parametrize("name", COMMANDS, ids=" ".join)
def test_no_command_loses_output_and_says_that_it_is_done(program: Program, name: tuple[str, ...]) -> None:
    words = [*name, *ALSO.get(name, []), *plain(COMMANDS[name])]
    for whole in ([*name, "--help"],) if name in ENDLESS else ([*name, "--help"], words, [*words, "--json"]):
        good = program.run(whole, {})
        good.assert_plain()
        for faults in FAULTS:
            bad = program.run(whole, faults)
            bad.assert_plain()
            if good.stdout and "stdout" in faults:
                assert bad.status != 0, (faults, bad)


@pytest.mark.parametrize("name", COMMANDS, ids=" ".join)
def test_no_argument_is_too_odd(program: Program, name: tuple[str, ...]) -> None:
    command = COMMANDS[name]
    given = [PLAIN.get(argument.name or "", "plain") for argument in arguments_of(command)]
    for odd in HOSTILE:
        if name not in ENDLESS and given:
            program.run([*name, *ALSO.get(name, []), "--", *[odd for _ in given]], {}).assert_plain()
        for option in [] if name in ENDLESS - {("server",), ("worker",)} else options_of(name):
            program.run([*name, f"{option}={odd}", *ALSO.get(name, [])], {}).assert_plain()
