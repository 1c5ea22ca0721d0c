"""The program: its version, its help, and how it says what is wrong."""

from __future__ import annotations

import subprocess
import sys

import pytest

import geartrain as package
from geartrain.cli.commands import NAMES
from tests.cli.program import geartrain
from tests.support.machine import DEADLINE


def test_version_says_which_build_it_is() -> None:
    assert geartrain("--version").stdout in (
        f"geartrain {package.__version__} (pure Python)\n",
        f"geartrain {package.__version__} (compiled)\n",
    )


def test_without_a_command_every_command_is_listed() -> None:
    helped = geartrain()
    assert helped.status == 0
    for name in NAMES:
        assert f"\n  {name} " in helped.stdout


@pytest.mark.parametrize("name", NAMES)
def test_every_command_explains_itself(name: str) -> None:
    helped = geartrain(name, "--help")
    assert helped.status == 0
    assert helped.stdout.startswith(f"Usage: geartrain {name}")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nonsense"], "No such command 'nonsense'"),
        (["submit"], "Missing argument 'FUNCTION'"),
        (["submit", "f", "x", "--priority", "urgent"], "'urgent' is not one of 'high', 'normal', 'low'"),
        (["submit", "f", "x", "--at", "soon"], "'soon' is no time; expected one such as 2027-01-31T18:30"),
        (
            ["submit", "f", "x", "--delay", "-1"],
            "'-1' is no duration; expected a number of seconds from 0 up",
        ),
        (["submit", "f", "x", "--server", "h:x"], "server 'h:x': expected host:port"),
        (["status"], "expected a HANDLE or --unique U"),
        (["jobs", "list", "--limit", "0"], "0 is not in the range x>=1"),
        (["functions", "maxqueue", "f", "1", "2"], "expected none, one, or three (high, normal, low)"),
        (["worker"], "expected module:app, or -f NAME -- COMMAND"),
        (["worker", "-f", "f"], "expected a COMMAND after -f f --"),
        (["worker", "-f", "f", "--", "no-such-program"], "cannot run 'no-such-program'"),
        (
            ["worker", "-f", "f", "--processes", "2", "--", "cat"],
            "--processes is for module:app, not for -f f",
        ),
        (["backup"], "Missing argument 'FILE'"),
        (["export", "--store", "redis:"], "the store 'redis:' is no file, sqlite:PATH is expected"),
        (["import", "/no/such/file"], "cannot read /no/such/file: No such file or directory"),
        (["import-gearmand", "/no/such/file"], "there is no file /no/such/file: expected one of gearmand's"),
        (["doctor", "--server", "h:x"], "server 'h:x': expected host:port"),
        (["completion", "tcsh"], "'tcsh' is not one of 'bash', 'zsh', 'fish'"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(words: list[str], message: str) -> None:
    ended = geartrain(*words, GEARMAN_SERVERS="127.0.0.1:1")
    assert (ended.status, ended.stdout) == (2, "")
    assert message in ended.stderr
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [
        ["submit", "f", "x"],
        ["status", "H:x:1"],
        ["jobs"],
        ["functions"],
        ["workers"],
        ["top"],
        ["top", "--json"],
    ],
)
def test_no_server_is_one_line_and_status_3(words: list[str]) -> None:
    ended = geartrain(*words, GEARMAN_SERVERS="127.0.0.1:1")
    assert (ended.status, ended.stdout) == (3, "")
    assert ended.stderr == "geartrain: cannot connect to 127.0.0.1:1: [Errno 111] Connection refused\n"


def test_without_click_the_program_says_what_to_install() -> None:
    hidden = "import sys; sys.modules['click'] = None; from geartrain.cli.main import main; main()"
    ended = subprocess.run(
        [sys.executable, "-c", hidden], capture_output=True, text=True, timeout=DEADLINE, check=False
    )
    assert ended.returncode == 2
    assert (
        ended.stderr == "geartrain: the command line needs click and rich: pip install 'geartrain[server]'\n"
    )


def test_the_library_needs_neither_click_nor_rich() -> None:
    look = "import sys, geartrain; print({'click', 'rich'} & set(sys.modules))"
    seen = subprocess.run(
        [sys.executable, "-c", look], capture_output=True, text=True, timeout=DEADLINE, check=True
    )
    assert seen.stdout == "set()\n"


def test_output_that_nobody_wants_to_read_on_is_no_error() -> None:
    ended = subprocess.run(
        f"'{sys.executable}' -m geartrain completion bash | true",
        shell=True,
        capture_output=True,
        timeout=DEADLINE,
        check=False,
    )
    assert ended.stderr == b""
