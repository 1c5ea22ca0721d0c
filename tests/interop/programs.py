"""The real programs: for each language a client and a worker script, and what its machine must have for them."""

from __future__ import annotations

import sys
from base64 import b64decode
from dataclasses import dataclass
from pathlib import Path

from tests.support.machine import missing, require, require_success
from tests.support.processes import Program

FOLDER = Path(__file__).parent
PACKED = ("data", "warning", "exception", "complete")  # lines whose second word is bytes in base64

Line = tuple[str | bytes, ...]


@dataclass(frozen=True)
class Language:
    """A Gearman library of another make, and how to run its two scripts.

    A client script takes PORT MODE FUNCTION UNIQUE PRIORITY and the workload as its standard input, and prints a
    line for each thing it hears. MODE is "do", "background", or "follow" (background, and ask for the status until
    the job is unknown). A worker script takes PORT PREFIX, prints "ready", and works until it is killed.
    """

    name: str
    interpreter: str
    suffix: str
    library: tuple[str, ...]  # arguments for the interpreter that succeed when the library is there

    def check(self) -> None:
        """End the test here when the language or its library is not installed."""
        interpreter = require(self.interpreter)
        if self.name == "node" and not (FOLDER / "node_modules" / "gearmanode").is_dir():
            missing("gearmanode for Node.js")
        if self.library:
            require_success(f"the Gearman library for {self.name}", interpreter, *self.library)

    def script(self, role: str) -> tuple[str, str]:
        """The command that runs the language's client or worker."""
        return self.interpreter, str(FOLDER / self.name / f"{role}.{self.suffix}")


PHP = Language("php", "php", "php", ("-r", "exit(extension_loaded('gearman') ? 0 : 1);"))
PERL = Language("perl", "perl", "pl", ("-MGearman::Client", "-MGearman::Worker", "-e1"))
NODE = Language("node", "node", "js", ())
GEAR = Language("gear", sys.executable, "py", ("-c", "import gear"))

LANGUAGES = (PHP, PERL, NODE, GEAR)


class ClientProgram(Program):
    """A real client at work on one job."""

    def heard(self) -> list[Line]:
        """What the client has said so far, a tuple of words for each line."""
        return [parse(line) for line in self.output().splitlines(keepends=True) if line.endswith("\n")]

    def heard_to_the_end(self) -> list[Line]:
        """All that the client says; it must end by itself and well."""
        status = self.wait()
        assert status == 0, f"{self.command} ended with {status}: {self.output()}"
        return self.heard()


def parse(line: str) -> Line:
    """A line's words, bytes where the client packed bytes."""
    word, *arguments = line.split()
    if word in PACKED:
        return word, b64decode(arguments[0] if arguments else "")
    return word, *arguments
