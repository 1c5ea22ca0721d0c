"""``geartrain pool``: the servers of a pool, which of them leads which part of the functions, and their secret."""

from __future__ import annotations

import asyncio
from typing import Final

import click

from geartrain.cli import questions
from geartrain.cli.durations import duration
from geartrain.cli.groups import ListingGroup
from geartrain.cli.options import json_option, pool_of, servers_option
from geartrain.cli.output import Column, Row, print_json, print_line
from geartrain.cli.questions import ask_each
from geartrain.cli.tables import print_rows
from geartrain.errors import GearmanError


@click.group("pool", cls=ListingGroup, short_help="Show the servers of a pool, and who leads.")
def command() -> None:
    """Show the servers of a pool, its shards (parts of the functions), and which server leads each.

    Without a command, list them.
    """


@command.command("rotate-secret", short_help="Let the servers know each other by another secret.")
@click.option("--store", required=True, metavar="URL", help="The pool's engine, as the servers have it.")
@click.option(
    "--keep-old",
    callback=duration,
    default="60",
    metavar="TIME",
    help="How long the secret before is accepted, such as 5m [60 s]; 0 if somebody else knows it.",
)
def rotate_secret(store: str, keep_old: float) -> None:
    """Have a new secret by which the servers of a pool let each other in.

    The servers read it with their next heartbeat, and no link between them ends.
    """
    address = pool_of(store)
    if address is None:
        raise click.UsageError(f"--store {store}: expected the URL of a pool, such as valkey://HOST")
    from geartrain.pool.registry import Registry  # only here: it needs more to be installed

    async def rotate() -> bool:
        registry = Registry(address)
        try:
            return await registry.rotate_secret(keep_old)
        finally:
            await registry.close()

    if not asyncio.run(rotate()):
        raise GearmanError(f"there is no pool at {address.name}")
    print_line(f"{address.name}: the pool has a new secret")


@command.command("list")
@servers_option
@json_option
def list_servers(servers: tuple[str, ...], as_json: bool) -> None:
    """Show the servers of a pool, its shards, and which server leads each."""
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
