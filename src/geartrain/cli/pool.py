"""``geartrain pool``: the servers of a pool, and which of them leads which part of the functions."""

from __future__ import annotations

from typing import Final

import click

from geartrain.cli import questions
from geartrain.cli.options import json_option, servers_option
from geartrain.cli.output import Column, Row, print_json, print_rows
from geartrain.cli.questions import ask_each


@click.command("pool", short_help="Show the servers of a pool, and who leads.")
@servers_option
@json_option
def command(servers: tuple[str, ...], as_json: bool) -> None:
    """Show the servers of a pool, its shards (parts of the functions), and which server leads each."""
    rows = ask_each(servers, questions.pool)
    if as_json:
        for row in rows:
            print_json(row)
        return
    print_rows([row for row in rows if "id" in row], SERVERS, False)
    if any("shard" in row for row in rows):
        click.echo()
        print_rows([row for row in rows if "shard" in row], SHARDS, False)


def seconds(value: object) -> str:
    return f"{value:.1f} s" if isinstance(value, float) else ""


def leads(row: Row) -> str:
    return " ".join(str(shard) for shard in row["shards"])


def address(row: Row) -> str:
    return f"{row['address']} (asked)" if row["here"] else str(row["address"])


def leader(row: Row) -> str:
    """Who leads a shard, and whether the server that was asked reaches it."""
    if row["leader"] is None:
        return "none"
    return str(row["address"]) if row["reached"] else f"{row['address']} (not reached)"


def replicas(row: Row) -> str:
    if "replicas" not in row:
        return ""
    return f"{row['replicas']}, {row['lag']} bytes behind" if row["replicas"] else "0"


SERVERS: Final = (
    Column("SERVER", address),
    Column("ID", lambda row: row["id"]),
    Column("VERSION", lambda row: row["version"]),
    Column("HEARD", lambda row: seconds(row["age"])),
    Column("LEADS", leads),
    Column("CONNECTIONS", lambda row: row["connections"]),
    Column("FENCED", lambda row: row["fenced"]),
)

SHARDS: Final = (
    Column("SHARD", lambda row: row["shard"]),
    Column("LEADER", leader),
    Column("LEASE", lambda row: seconds(row["lease"])),
    Column("ENGINE", lambda row: row.get("engine", "")),
    Column("ACK", lambda row: row.get("ack", "")),
    Column("REPLICAS", replicas),
)
