"""The load generator: load.c, compiled when it is needed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

from bench.sample import Sample, timed
from bench.servers import Server

ROOT: Final = Path(__file__).parent.parent
SOURCE: Final = Path(__file__).with_name("load.c")
TIMEOUT: Final = 120.0  # seconds


@cache
def generator() -> str:
    """The compiled program's path; it is kept for the next time, until its source is newer."""
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        raise SystemExit(
            "the benchmark needs a C compiler for its load generator; on Debian: apt install gcc"
        )
    folder = Path(tempfile.gettempdir(), f"geartrain-bench-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    program = folder / "load"
    if not program.exists() or program.stat().st_mtime < SOURCE.stat().st_mtime:
        subprocess.run([compiler, "-O2", "-o", program, SOURCE], check=True)
    return str(program)


def load(server: Server, scenario: str, **numbers: int) -> Sample:
    """Put a load on the server, as the head of load.c describes it; ``cpu_rate`` is the server's."""
    return finish(start_load(server, scenario, **numbers), f"the load on {server.name}")


def start_load(server: Server, scenario: str, **numbers: int) -> subprocess.Popen[str]:
    """The same, going on while the caller does something else."""
    arguments = [f"{name}={number}" for name, number in numbers.items()]
    where = (f"port={server.port}", f"process={server.process.pid}")
    return start(generator(), scenario, *where, *arguments)


def start(*command: str) -> subprocess.Popen[str]:
    """Start a program that prints an outcome; paths in its command are those of the project."""
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(program: subprocess.Popen[str], what: str) -> Sample:
    """Wait for the outcome of a program, which is JSON with the arguments of ``timed``."""
    try:
        output, errors = program.communicate(timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        program.kill()
        raise SystemExit(f"{what} took more than {TIMEOUT:g} seconds") from None
    if program.returncode != 0:
        raise SystemExit(f"{what} failed: {errors.strip() or f'exit status {program.returncode}'}")
    return timed(**json.loads(output))
