"""``geartrain config``: a server's configuration, looked at without a server."""

from __future__ import annotations

import os
from typing import Final

import click

from geartrain.cli.output import Column, Row, counted, print_json, print_line
from geartrain.cli.server import configuration_of, options_given, parameters
from geartrain.cli.tables import print_rows
from geartrain.server.configuration import SECTIONS, Configuration, read_configuration
from geartrain.server.holding import holding
from geartrain.server.settings import settings_from
from geartrain.server.template import template


@click.group("config", short_help="Check a configuration file, or show what holds.")
def command() -> None:
    """Check a server's configuration file, show what holds and why, or print a file that explains everything."""


@command.command("check", short_help="Say what is wrong with a file.")
@click.argument("file")
def check(file: str) -> None:
    """Check a configuration FILE as the server does, and say in one line what is wrong or what is in it."""
    configuration = read_configuration(file)
    configuration.check_limits(settings_from({}, configuration.options, {}))
    print_line(f"{file}: {contents(configuration)}")


def contents(configuration: Configuration) -> str:
    parts = [counted(len(configuration.options), "option")]
    parts += [f"{name} {len(table)}" for name, table in configuration.sections.items() if table]
    if configuration.access is not None:
        parts.append(f"access {len(configuration.access.grants)}")
    return ", ".join(parts)


@command.command("template", short_help="Print a file that explains everything.")
def print_template() -> None:
    """Print a configuration file with every option and section, explained and commented out."""
    click.echo(template(), nl=False)


def show(**chosen: object) -> None:
    """Show what would hold for a server that is started with these options here, and where each value comes from.

    The command line wins over the environment (GEARTRAIN_PORT for --port), that over the file. Passwords are masked.
    """
    configuration = configuration_of(chosen["config"], chosen["config_file"])
    rows = list(holding(options_given(click.get_current_context()), configuration, os.environ))
    if chosen["as_json"]:
        for row in rows:
            print_json(row)
        return
    print_rows([{**row, "server": ""} for row in rows], COLUMNS, False)
    for section in SECTIONS:
        entries = configuration.sections.get(section.name, {})
        if entries:
            print_line(f"[{section.name}]  {', '.join(entries)}  {configuration.path}")


def value_of(row: Row) -> str:
    value = row["value"]
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return " ".join(value)
    return "" if value is None else str(value)


COLUMNS: Final = (
    Column("OPTION", lambda row: row["option"]),
    Column("VALUE", value_of),
    Column("FROM", lambda row: row["source"]),
)

command.add_command(
    click.Command(
        "show",
        callback=show,
        help=show.__doc__,
        short_help="Show what holds, and where it comes from.",
        params=[
            *parameters(),
            click.Option(["--json", "as_json"], is_flag=True, help="Print JSON, an object a line."),
        ],
    )
)
