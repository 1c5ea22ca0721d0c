"""One source, two builds: the tests run on the build that they were asked to run on."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import geartrain

CORES = ("protocol", "broker")


def builds() -> set[str]:
    """The builds of all the modules of both cores: one, where nothing is wrong."""
    package = Path(geartrain.__file__).parent
    names = [f"geartrain.{core}.{path.stem}" for core in CORES for path in (package / core).glob("[!_]*.py")]
    files = [str(importlib.import_module(name).__file__) for name in names]
    return {"pure" if file.endswith(".py") else "compiled" for file in files}


def test_both_cores_are_of_the_build_that_was_asked_for() -> None:
    (build,) = builds()
    assert os.environ.get("GEARTRAIN_BUILD") in (None, build)


def test_the_command_line_says_which_build_it_is() -> None:
    command = (sys.executable, "-m", "geartrain", "--version")
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    (build,) = builds()
    assert said.startswith(f"geartrain {geartrain.__version__} ({build}")
