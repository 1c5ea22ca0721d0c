"""``geartrain wait``: the result of a background job."""

from __future__ import annotations

import click

from geartrain.cli.durations import duration
from geartrain.cli.options import json_option, servers_of, servers_option
from geartrain.cli.output import Payload, print_json, result_fields
from geartrain.cli.secrecy import tls_given
from geartrain.jobs import JobHandle
from geartrain.sync.client import Client


@click.command("wait", short_help="Wait for the result of a background job.")
@servers_option
@click.argument("handle")
@click.option("--timeout", callback=duration, metavar="TIME", help="Give up after so long.")
@json_option
def command(servers: tuple[str, ...], handle: str, timeout: float | None, as_json: bool) -> None:
    """Wait until a background job is over, and print its result.

    The server must be told to keep it: geartrain functions set FUNCTION keep_result=1h.
    """
    with Client(servers_of(servers), tls=tls_given()) as client:
        result = client.result(handle, timeout=timeout)
    if as_json:
        print_json({"handle": JobHandle.parse(handle), **result_fields(result)})
    else:
        Payload().write(result, last=True)
