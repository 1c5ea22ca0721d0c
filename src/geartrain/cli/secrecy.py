"""How the commands speak TLS with servers: options beside ``--server``, and what they come to."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from geartrain.tls import TLS
from geartrain.tokens import FILE_VARIABLE, VARIABLE

Command = TypeVar("Command", bound=Callable[..., Any])

GIVEN: Final = "geartrain.tls"  # in the context of a command: which of the options were given


def note(ctx: click.Context, parameter: click.Parameter, given: object) -> None:
    """Keep what an option says for ``tls_given``."""
    if given:
        ctx.meta.setdefault(GIVEN, {})[parameter.name] = given


def option(name: str, field: str, help: str, variable: str = "") -> Callable[[Command], Command]:
    """An option that ``tls_given`` knows; libgearman's variable stands in for it."""
    return click.option(
        name,
        field,
        is_flag=not variable,
        envvar=variable or None,
        metavar="FILE" if variable else None,
        callback=note,
        expose_value=False,
        help=help + f"; {variable} stands in for it." * bool(variable),
    )


OPTIONS: Final = (
    option("--tls", "tls", "Speak TLS with the servers, as with those written tls://HOST:PORT."),
    option("--ca", "ca", "The same, and trust these authorities", "GEARMAND_CA_CERTIFICATE"),
    option("--cert", "certificate", "The same, and show servers this certificate", "GEARMAN_CLIENT_PEM"),
    option("--key", "key", "Its key, where that is in another file", "GEARMAN_CLIENT_KEY"),
)


def use_token_file(ctx: click.Context, parameter: click.Parameter, given: str | None) -> None:
    """Have the libraries say the token, in child processes too: on their command lines it would be for all to see."""
    if given is not None:
        os.environ.pop(VARIABLE, None)
        os.environ[FILE_VARIABLE] = os.path.abspath(given)


token_option: Final = click.option(
    "--token-file",
    metavar="FILE",
    callback=use_token_file,
    expose_value=False,
    help=f"A token for servers with access rules; {VARIABLE} or {FILE_VARIABLE} stand in for it.",
)


def with_tls(command: Command) -> Command:
    """Give a command the options."""
    for add in reversed((*OPTIONS, token_option)):
        command = add(command)
    return command


def tls_given() -> TLS | None:
    """How the running command's servers are spoken to; None where that is left to their addresses."""
    given = click.get_current_context().meta.get(GIVEN, {})
    files = {field: given.get(field, "") for field in ("ca", "certificate", "key")}
    return TLS(**files) if given else None
