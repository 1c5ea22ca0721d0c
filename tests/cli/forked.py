"""Runs of the program in forked processes: the modules are loaded once, so that hundreds of runs take seconds.

As a program: reads lines of JSON, each with the words of a command and which streams are not as they should be, and
answers each with a line: the exit status, standard output and standard error.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import tempfile
import traceback
from typing import IO, Any

import click

from geartrain.cli.commands import geartrain
from geartrain.cli.main import main

LONGEST = 20  # seconds of a run


def leaves(
    group: click.Group = geartrain, before: tuple[str, ...] = ()
) -> dict[tuple[str, ...], click.Command]:
    """Every command that is no group, by its words."""
    found: dict[tuple[str, ...], click.Command] = {}
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        assert command is not None
        if isinstance(command, click.Group):
            found |= leaves(command, (*before, name))
        else:
            found[(*before, name)] = command
    return found


def run(words: list[str], faults: dict[str, str]) -> dict[str, Any]:
    """A run of the program in a process of its own; ``faults`` says which streams are "closed" or "full"."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        child = os.fork()
        if child == 0:
            signal.alarm(LONGEST)
            os._exit(status_of(words, faults, {"stdout": output, "stderr": errors}))
        _, status = os.waitpid(child, 0)
        for file in (output, errors):
            file.seek(0)
        return {
            "status": os.waitstatus_to_exitcode(status),
            "stdout": output.read().decode("utf-8", "replace"),
            "stderr": errors.read().decode("utf-8", "replace"),
        }


def status_of(words: list[str], faults: dict[str, str], files: dict[str, IO[bytes]]) -> int:
    """Run the program as the interpreter would, with the streams that it would have."""
    closed = []
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        fault = faults.get(name)
        way = os.O_RDONLY if name == "stdin" else os.O_WRONLY
        target = files[name].fileno() if name in files else os.open(os.devnull, way)
        os.dup2(os.open("/dev/full", way) if fault == "full" else target, number)
        setattr(sys, name, os.fdopen(number, "r" if name == "stdin" else "w", closefd=False))
        closed += [(number, name)] if fault == "closed" else []
    for number, name in closed:
        setattr(sys, name, None)
        os.close(number)
    sys.argv = ["geartrain", *words]
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    except BaseException:  # what the interpreter would print
        files["stderr"].write(traceback.format_exc().encode())
        files["stderr"].flush()
        return 99


if __name__ == "__main__":
    assert leaves()  # imports the commands, once for all runs
    gc.freeze()
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(run(asked["words"], asked["faults"])), file=answers, flush=True)
