"""``geartrain doctor``: what is wrong with the job store and the servers, and what to do."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

import click

from geartrain.cli.checkup import examine_server
from geartrain.cli.main import DONE, FAILED
from geartrain.cli.options import json_option, pool_of, servers_option, stepped, store_file, store_option
from geartrain.cli.output import print_json, print_line
from geartrain.protocol.servers import parse_servers
from geartrain.store.health import PROBLEM, Finding, examine


@click.command("doctor", short_help="Say what is wrong, and what to do.")
@store_option
@servers_option
@json_option
@click.pass_context
def command(ctx: click.Context, store: str | None, servers: tuple[str, ...], as_json: bool) -> None:
    """Look at the job store and at the servers, and say what is wrong and what to do.

    With --store alone only the store is looked at, with --server alone only the servers; neither is changed. Exit
    status 1 when there is a problem.
    """
    status = DONE
    for finding in findings(store, servers):
        if finding.mark == PROBLEM:
            status = FAILED
        if as_json:
            print_json(finding._asdict())
        else:
            print_line(as_line(finding))
    ctx.exit(status)


def findings(store: str | None, servers: tuple[str, ...]) -> Iterator[Finding]:
    if store or not servers:
        yield from examine_store(store)
    if servers or not store:
        for server in parse_servers(servers or None, os.environ):
            yield from examine_server(server)


def examine_store(store: str | None) -> Iterator[Finding]:
    address = pool_of(store)
    if address is None:
        yield from examine(store_file(store))
        return
    from geartrain.pool.health import examine as examine_engine  # only here: it needs more to be installed

    with asyncio.Runner() as runner:
        yield from stepped(runner, examine_engine(address))


def as_line(finding: Finding) -> str:
    advice = f" -> {finding.advice}" if finding.advice else ""
    return f"{finding.mark:7}  {finding.subject}: {finding.text}{advice}"
