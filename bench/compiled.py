"""The parts of the benchmark in C, compiled when they are needed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from zlib import crc32


@cache
def compiled(source: str, *options: str) -> str:
    """What a file of this folder is compiled to, as a path; it is kept for the next time."""
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        raise SystemExit("the benchmark needs a C compiler for a part of it; on Debian: apt install gcc")
    code = Path(__file__).with_name(source)
    folder = Path(tempfile.gettempdir(), f"geartrain-bench-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    # Another checkout's source may differ.
    product = folder / f"{code.stem}-{crc32(code.read_bytes()):08x}"
    if not product.exists():
        subprocess.run([compiler, "-O2", *options, "-o", product, code], check=True)
    return str(product)
