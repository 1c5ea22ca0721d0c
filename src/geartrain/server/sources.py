"""Where the value of an option comes from: the command line, the environment, a file, or nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from geartrain.server.options import Option

FILE: Final = "file"
VARIABLE: Final = "GEARTRAIN_"  # before the name of an option
OF_GEARMAND: Final = {"port": "GEARMAND_PORT"}  # what gearmand reads, where nobody says otherwise


class Given(NamedTuple):
    """What an option was given."""

    value: object
    source: str  # an option of the command line, a variable of the environment, or FILE


def given(
    option: Option,
    command_line: Mapping[str, object],
    file: Mapping[str, object],
    environment: Mapping[str, str],
) -> Given | None:
    """The value that counts: the command line wins over the environment, that over the file; None where none is given.

    gearmand's variables come last. Raises SettingsError for a value that the option cannot take.
    """
    if option.name in command_line:
        source = f"--{option.name}"
        return Given(option.value(command_line[option.name], source), source)
    variable = variable_of(option)
    if environment.get(variable):
        return Given(option.value_in_environment(environment[variable], variable), variable)
    if option.name in file:
        return Given(file[option.name], FILE)
    old = OF_GEARMAND.get(option.name, "")
    if environment.get(old):
        return Given(option.value_in_environment(environment[old], old), old)
    return None


def variable_of(option: Option) -> str:
    """The environment's name of an option: GEARTRAIN_MAX_QUEUE for max-queue."""
    return f"{VARIABLE}{option.field.upper()}"
