"""``geartrain import-gearmand``: the jobs that a gearmand kept in a database."""

from __future__ import annotations

import time

import click

from geartrain.cli.options import json_option, store_option
from geartrain.cli.target import deliver, to_servers_option
from geartrain.store.gearmand import jobs


@click.command("import-gearmand", short_help="Take the jobs of a gearmand's queue.")
@click.argument("source")
@click.option("--table", default="", metavar="NAME", help="The table, if it has none of gearmand's names.")
@store_option
@to_servers_option
@json_option
def command(source: str, table: str, store: str | None, servers: tuple[str, ...], as_json: bool) -> None:
    """Take the jobs that a gearmand has left in SOURCE, which stays as it is. Stop that gearmand first.

    SOURCE is the file of gearmand -q libsqlite3, or the URL of a database: mysql+pymysql://USER:PASSWORD@HOST/DATABASE
    or postgresql+psycopg://... (pip install 'geartrain[import]', pymysql or psycopg).

    They go into the job store, which no server may use meanwhile, all of them or none; with --server they are
    submitted.
    """
    now = time.time()
    deliver(lambda: jobs(source, table, now), store, servers, as_json)
