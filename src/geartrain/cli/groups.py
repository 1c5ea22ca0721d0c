"""Groups of commands that list when no command of theirs is named: ``geartrain jobs`` is ``geartrain jobs list``."""

from __future__ import annotations

from typing import Final

import click
from click.shell_completion import CompletionItem

LIST: Final = "list"


class ListingGroup(click.Group):
    """A group whose command ``list`` may be left out."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        asks_help = bool(args) and args[0] in ctx.help_option_names
        is_open = not args and not ctx.resilient_parsing  # a shell that completes may want a command
        if is_open or (args and args[0].startswith("-") and not asks_help):
            args = [LIST, *args]
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The commands, and the options of the one that may be left out."""
        items = super().shell_complete(ctx, incomplete)
        command = self.get_command(ctx, LIST)
        if command is None or not incomplete.startswith("-"):
            return items
        own = command.make_context(LIST, [], parent=ctx, resilient_parsing=True)
        return command.shell_complete(own, incomplete)
