"""``geartrain completion``: the script that teaches a shell our commands."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command("completion", short_help="Print the completion script of a shell.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the completion script for SHELL: bash, zsh or fish.

    \b
    bash:  eval "$(geartrain completion bash)"                in ~/.bashrc
    zsh:   eval "$(geartrain completion zsh)"                 in ~/.zshrc
    fish:  geartrain completion fish > ~/.config/fish/completions/geartrain.fish
    """
    root = click.get_current_context().find_root()
    kind = get_completion_class(shell)
    assert kind is not None  # click has these three
    click.echo(kind(root.command, {}, "geartrain", "_GEARTRAIN_COMPLETE").source())
