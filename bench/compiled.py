"""The parts of the benchmark in C, compiled when they are needed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path


@cache
def compiled(source: str, *options: str) -> str:
    """What a file of this folder is compiled to, as a path; it is kept until its source is newer."""
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        raise SystemExit("the benchmark needs a C compiler for a part of it; on Debian: apt install gcc")
    code = Path(__file__).with_name(source)
    folder = Path(tempfile.gettempdir(), f"geartrain-bench-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    product = folder / code.stem
    if not product.exists() or product.stat().st_mtime < code.stat().st_mtime:
        subprocess.run([compiler, "-O2", *options, "-o", product, code], check=True)
    return str(product)
