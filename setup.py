"""Build Geartrain: the wire and the broker compiled by mypyc where that can be done, else as they are.

The same files run either way. ``GEARTRAIN_PURE=1`` in the environment keeps them as they are, and so does an
editable installation, where what is edited must run.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from setuptools import Extension, setup

COMPILED_FOLDERS = ("protocol", "broker", "relay")
COMPILING_COMMANDS = {
    "bdist_wheel",
    "build",
    "build_ext",
    "install",
}  # pip also runs this file for other questions


def extensions() -> list[Extension]:
    """What to compile: nothing where that is not wanted or cannot be done."""
    if os.environ.get("GEARTRAIN_PURE") == "1" or COMPILING_COMMANDS.isdisjoint(sys.argv):
        return []
    hindrance = compiler_hindrance()
    if hindrance:
        print(f"geartrain: not compiled, the same code runs uncompiled: {hindrance}", file=sys.stderr)
        return []
    # Only here: neither a pure build nor one without a compiler needs mypyc.
    from mypyc.build import mypycify

    return mypycify(
        ["--follow-imports=silent", *compiled_modules()], opt_level=os.environ.get("GEARTRAIN_OPTIMIZE", "3")
    )


def compiled_modules() -> list[str]:
    """The paths of the modules that mypyc compiles."""
    return sorted(
        str(path)
        for folder in COMPILED_FOLDERS
        for path in Path("src/geartrain", folder).glob("*.py")
        if path.name != "__init__.py"
    )


def compiler_hindrance() -> str:
    """Why no C extension can be compiled here; empty when a small one could."""
    command = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "tiny.c")
        source.write_text("#include <Python.h>\nint tiny(void) { return PY_VERSION_HEX != 0; }\n")
        include = sysconfig.get_path("include")
        arguments = [*shlex.split(command), f"-I{include}", "-c", str(source), "-o", f"{source}.o"]
        try:
            run = subprocess.run(arguments, capture_output=True, text=True, check=False)
        except OSError as error:
            return f"no C compiler ({command}: {error.strerror})"
    if run.returncode == 0:
        return ""
    if "Python.h" in run.stderr:
        return f"no Python headers ({include}/Python.h)"
    return f"the C compiler {command} cannot compile a small file"


setup(ext_modules=extensions())
