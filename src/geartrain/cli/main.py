"""The program ``geartrain``: it finds the command, and turns every error into one line and an exit status."""

from __future__ import annotations

import re
import sys
from errno import EPIPE
from functools import partial
from importlib.util import find_spec
from typing import Final, NoReturn

from geartrain.cli import streams
from geartrain.cli.streams import OutputLost
from geartrain.errors import ConnectError, ConnectionLost, GearmanError, SettingsError
from geartrain.printable import printable

DONE: Final = 0
FAILED: Final = 1
WRONG_USAGE: Final = 2
NO_SERVER: Final = 3
INTERRUPTED: Final = 130  # as a shell says it of SIGINT

SURROGATE: Final = re.compile(r"\\udc([89a-f][0-9a-f])")
NEEDED: Final = ("click", "rich")  # of the extra "server"


def main() -> NoReturn:
    """Run the command line and leave."""
    try:
        streams.prepare()
        status = run()
        streams.flush()
    except KeyboardInterrupt:
        status = INTERRUPTED
    except OutputLost as error:
        status = lost(error)
    sys.exit(left_by(status))


def run() -> int:
    """Run the command that is named, and give its exit status; an error is told in one line."""
    if any(find_spec(name) is None for name in NEEDED):
        say(f"the command line needs {' and '.join(NEEDED)}: pip install 'geartrain[server]'")
        return WRONG_USAGE
    import click

    from geartrain.cli.commands import geartrain

    try:
        return int(geartrain.main(prog_name="geartrain", standalone_mode=False) or DONE)
    except click.ClickException as error:
        is_help = type(error).__name__ == "NoArgsIsHelpError"  # click 8.1 has none, and shows the help itself
        tell = partial(click.echo, err=True) if is_help else say
        tell(error.format_message())
        return WRONG_USAGE
    except click.Abort:
        return INTERRUPTED
    except OutputLost:
        raise
    except GearmanError as error:
        say(str(error))
        return status_of(error)
    except (
        UnicodeError,
        OverflowError,
    ) as error:  # of an argument: bytes that are no text, a number without end
        say(f"something that was given cannot be used: {error}")
        return WRONG_USAGE
    except (OSError, RecursionError, MemoryError) as error:
        say(str(error) or type(error).__name__)
        return FAILED


def lost(error: OutputLost) -> int:
    """The exit status where output is lost; whoever read it from a pipe and has enough needs no word about that."""
    streams.give_up()
    if error.errno != EPIPE:
        say(f"cannot write standard output: {error.strerror}")
    return FAILED


def left_by(status: int) -> int:
    """The same status, unless output that was written before an error is lost."""
    try:
        streams.flush()
    except OutputLost as error:
        return lost(error)
    return status


def say(message: str) -> None:
    """One line on stderr. A byte that is no text is shown as \\xNN, also where Python's repr has it as a surrogate."""
    line = SURROGATE.sub(r"\\x\1", " ".join(message.split()))
    print(f"geartrain: {printable(line)}", file=sys.stderr)


def status_of(error: GearmanError) -> int:
    if isinstance(error, SettingsError):
        return WRONG_USAGE
    return NO_SERVER if isinstance(error, (ConnectError, ConnectionLost)) else FAILED
