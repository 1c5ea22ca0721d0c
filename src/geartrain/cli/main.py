"""The program ``geartrain``: it finds the command, and turns every error into one line and an exit status."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from io import TextIOWrapper
from typing import Final, NoReturn

from geartrain.errors import ConnectError, ConnectionLost, GearmanError, SettingsError
from geartrain.printable import printable

DONE: Final = 0
FAILED: Final = 1
WRONG_USAGE: Final = 2
NO_SERVER: Final = 3
INTERRUPTED: Final = 130  # as a shell says it of SIGINT

NEEDED: Final = ("click", "rich")  # of the extra "server"


def main() -> NoReturn:
    """Run the command line and leave."""
    if any(find_spec(name) is None for name in NEEDED):
        say(f"the command line needs {' and '.join(NEEDED)}: pip install 'geartrain[server]'")
        sys.exit(WRONG_USAGE)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names are bytes, and may be no text
    import click

    from geartrain.cli.commands import geartrain

    try:
        sys.exit(geartrain.main(prog_name="geartrain", standalone_mode=False))
    except click.ClickException as error:
        say(error.format_message())
        sys.exit(WRONG_USAGE)
    except (KeyboardInterrupt, click.Abort):
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        leave_pipe()
    except GearmanError as error:
        say(str(error))
        sys.exit(status_of(error))


def say(message: str) -> None:
    """One line on stderr."""
    print(f"geartrain: {printable(' '.join(message.split()))}", file=sys.stderr)


def status_of(error: GearmanError) -> int:
    if isinstance(error, SettingsError):
        return WRONG_USAGE
    return NO_SERVER if isinstance(error, (ConnectError, ConnectionLost)) else FAILED


def leave_pipe() -> NoReturn:
    """Whoever read our output has enough of it; the interpreter shall not write what is left of it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(FAILED)
