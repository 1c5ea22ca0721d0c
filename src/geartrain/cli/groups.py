"""Groups of commands that list when no command of theirs is named: ``geartrain jobs`` is ``geartrain jobs list``."""

from __future__ import annotations

from typing import Final

import click

LIST: Final = "list"


class ListingGroup(click.Group):
    """A group whose command ``list`` may be left out."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        asks_help = bool(args) and args[0] in ctx.help_option_names
        if not args or (args[0].startswith("-") and not asks_help):
            args = [LIST, *args]
        return super().parse_args(ctx, args)
