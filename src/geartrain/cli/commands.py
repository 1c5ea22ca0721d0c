"""The commands by name; the module of a command is imported when it is asked for."""

from __future__ import annotations

from importlib import import_module
from importlib.machinery import EXTENSION_SUFFIXES
from typing import Final

import click

import geartrain as package

NAMES: Final = (
    "server",
    "config",
    "worker",
    "submit",
    "status",
    "wait",
    "jobs",
    "functions",
    "schedules",
    "dead",
    "workers",
    "pool",
    "top",
    "tail",
    "doctor",
    "store",
    "backup",
    "export",
    "import",
    "import-gearmand",
    "demo",
    "completion",
)

RESERVED: Final = {"import": "import_jobs"}  # modules of commands whose names are no names in Python


class Commands(click.Group):
    """A group whose commands are the modules of this folder."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(NAMES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in NAMES:
            return None
        command: click.Command = import_module(f"geartrain.cli.{module_of(cmd_name)}").command
        return command


def module_of(name: str) -> str:
    """The module of a command."""
    return RESERVED.get(name, name.replace("-", "_"))


def build() -> str:
    """Which of the two builds this is."""
    from geartrain.broker import broker

    return "compiled" if broker.__file__.endswith(tuple(EXTENSION_SUFFIXES)) else "pure Python"


def show_version(ctx: click.Context, parameter: click.Parameter, asked: bool) -> None:
    if asked:
        click.echo(f"geartrain {package.__version__} ({build()})")
        ctx.exit()


def version_option() -> click.Option:
    """-V, which gearmand has too."""
    return click.Option(
        ["-V", "--version"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=show_version,
        help="Show version and build.",
    )


@click.command(
    cls=Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    params=[version_option()],
)
@click.pass_context
def geartrain(ctx: click.Context) -> None:
    """Geartrain: a Gearman job system. Start with: geartrain demo

    Exit status: 0 done, 1 the job failed, 2 wrong usage, 3 no server.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
