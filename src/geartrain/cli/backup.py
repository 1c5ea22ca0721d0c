"""``geartrain backup``: a copy of the job store, while a server uses it."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from geartrain.cli.options import json_option, pool_of, store_file, store_option
from geartrain.cli.output import counted, print_json, print_line, progress_bar
from geartrain.errors import SettingsError
from geartrain.store.backup import back_up


@click.command("backup", short_help="Copy the job store while it is used.")
@click.argument("file", type=click.Path(path_type=Path))
@store_option
@click.option("--force", is_flag=True, help="Replace FILE, if it is there.")
@json_option
def command(file: Path, store: str | None, force: bool, as_json: bool) -> None:
    """Copy the job store to FILE; a server may go on with it meanwhile.

    FILE appears when it is whole and checked. It is a job store itself: geartrain server --store sqlite:FILE
    """
    pool = pool_of(store)
    if pool is not None:
        raise SettingsError(
            f"the store {pool.name} is no file: copy its engine's files after BGSAVE, or use geartrain export"
        )
    source = store_file(store)
    with progress_bar("backup", shown=sys.stderr.isatty(), stays=False) as bar:
        copied = back_up(source, file, force, bar.show)
    if as_json:
        print_json({"store": source, "file": str(file), **copied._asdict()})
    else:
        print_line(f"{file}: {counted(copied.jobs, 'job')}, {counted(copied.bytes, 'byte')}")
