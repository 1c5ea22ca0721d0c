"""Names of functions, which a shell completes by asking the servers."""

from __future__ import annotations

from typing import Final

import click
from click.shell_completion import CompletionItem

from geartrain.cli.options import servers_of
from geartrain.cli.secrecy import tls_given
from geartrain.errors import GearmanError
from geartrain.sync.admin import Admin

PATIENCE: Final = 1.0  # seconds that somebody who typed a tab waits
MOST: Final = 1000  # names


def known_functions(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The functions that the first server knows, as far as a shell can write them; none where it does not answer."""
    names = servers_of(ctx.params.get("servers") or ())
    first = names[0] if isinstance(names, tuple) else None
    try:
        with ctx, Admin(first, timeout=PATIENCE, connect_timeout=PATIENCE, tls=tls_given()) as admin:
            found = sorted(row.function for row in admin.status())
    except GearmanError:
        return []
    plain = [name for name in found if name.isprintable() and name.startswith(incomplete)]
    return [CompletionItem(name) for name in plain[:MOST]]


function_argument: Final = click.argument("function", shell_complete=known_functions)
