"""``geartrain server``: its options are the fields of Settings."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import click
from click.core import ParameterSource

from geartrain.cli.commands import version_option
from geartrain.errors import SettingsError
from geartrain.server.configuration import Configuration, read_configuration
from geartrain.server.options import Option
from geartrain.server.settings import IGNORED, OPTIONS, Ignored, settings_from

EPILOG: Final = "gearmand's other options are taken too; those without a meaning here are named in the log."


def run_server(**given: object) -> None:
    """Run a job server.

    It ends on SIGTERM, after the running jobs (see --grace), and on SIGUSR1 when no job is left. SIGHUP opens the log
    anew, and reads the files of TLS and the tables in the file of --config again.
    """
    ctx = click.get_current_context()
    command_line = options_given(ctx)
    configuration = read_configuration(str(given["config"])) if given["config"] else Configuration()
    file = dict(configuration.options)
    if given["config_file"]:
        file |= read_gearmand_file(str(given["config_file"]))
    settings = settings_from(command_line, file, os.environ)
    if given["check_args"]:
        return
    if sys.platform != "linux":
        raise SettingsError(f"the server wants Linux, for its epoll; this is {sys.platform}")
    from geartrain.server.process import run

    run(settings, configuration)


def options_given(ctx: click.Context) -> dict[str, object]:
    """The settings that the command line names, by option name."""
    names = [option.name for option in OPTIONS] + [option.name for option in IGNORED]
    return {
        name: ctx.params[field_of(name)]
        for name in names
        if ctx.get_parameter_source(field_of(name)) is ParameterSource.COMMANDLINE
    }


def field_of(name: str) -> str:
    return name.replace("-", "_")


def read_gearmand_file(path: str) -> Mapping[str, object]:
    """gearmand's own form of a file: options as on the command line, parted by blanks or line ends."""
    try:
        words = Path(path).read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot read {path}: {error}") from None
    try:
        with command.make_context("server", words) as ctx:
            return options_given(ctx)
    except click.UsageError as error:
        raise SettingsError(f"{path}: {error.format_message()}") from None


def as_parameter(option: Option) -> click.Option:
    names = [option.field, f"--{option.name}", *([option.short] if option.short else [])]
    return click.Option(
        names,
        is_flag=not option.metavar,
        multiple=option.many,
        metavar=option.metavar or None,
        help=option.help + default_of(option),
    )


def default_of(option: Option) -> str:
    shown = option.default not in (None, "", False, ())
    return f" [{option.default:g}]" if type(option.default) is float else f" [{option.default}]" * shown


def as_hidden_parameter(option: Ignored) -> click.Option:
    names = [field_of(option.name), f"--{option.name}", *([option.short] if option.short else [])]
    return click.Option(names, is_flag=not option.metavar, hidden=True)


command = click.Command(
    "server",
    callback=run_server,
    help=run_server.__doc__,
    short_help="Run a job server.",
    epilog=EPILOG,
    params=[
        click.Option(
            ["--config"],
            metavar="FILE",
            help="Read a TOML file: options, with the long names as keys, and tables [functions] and [schedules].",
        ),
        click.Option(["--config-file"], metavar="FILE", help="Read options from a file as gearmand's."),
        version_option(),
        click.Option(["--check-args"], is_flag=True, help="Check the options, and end."),
        *map(as_parameter, OPTIONS),
        *map(as_hidden_parameter, IGNORED),
    ],
)
