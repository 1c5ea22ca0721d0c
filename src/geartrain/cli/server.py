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
    configuration = configuration_of(given["config"], given["config_file"])
    command_line = options_given(click.get_current_context())
    settings = settings_from(command_line, configuration.options, os.environ)
    configuration.check_limits(settings)
    if given["check_args"]:
        return
    if sys.platform != "linux":
        raise SettingsError(f"the server wants Linux, for its epoll; this is {sys.platform}")
    from geartrain.server.process import run

    run(settings, configuration)


def configuration_of(path: object, gearmands: object) -> Configuration:
    """What the file of --config says, and what gearmand's says instead; None or nothing is no file."""
    configuration = read_configuration(str(path)) if path else Configuration()
    if gearmands:
        options = {**configuration.options, **read_gearmand_file(str(gearmands))}
        configuration = configuration._replace(options=options)
    return configuration


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
        words = Path(path).read_text(encoding="utf-8-sig").split()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot read {path}: {error}") from None
    try:
        with command.make_context("server", words) as ctx:
            named = options_given(ctx)
    except click.UsageError as error:
        raise SettingsError(f"{path}: {error.format_message()}") from None
    options = {option.name: option for option in OPTIONS}
    return {
        name: options[name].value(value, f"{path}: --{name}") if name in options else value
        for name, value in named.items()
    }


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


def parameters() -> list[click.Parameter]:
    """Every option of the server, and its two files."""
    return [
        click.Option(
            ["--config"],
            metavar="FILE",
            help="Read a TOML file: options, with the long names as keys, and sections such as [functions].",
        ),
        click.Option(["--config-file"], metavar="FILE", help="Read options from a file as gearmand's."),
        *map(as_parameter, OPTIONS),
        *map(as_hidden_parameter, IGNORED),
    ]


command = click.Command(
    "server",
    callback=run_server,
    help=run_server.__doc__,
    short_help="Run a job server.",
    epilog=EPILOG,
    params=[
        version_option(),
        click.Option(["--check-args"], is_flag=True, help="Check the options, and end."),
        *parameters(),
    ],
)
