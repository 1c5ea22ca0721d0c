"""The file of ``--config``: options, which hold until the server ends, and sections, which are read again on SIGHUP."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from geartrain.broker.broker import Broker
from geartrain.broker.gates import apply_policies
from geartrain.broker.policy import Policies
from geartrain.errors import SettingsError
from geartrain.server.access_rules import AccessRules, read_access
from geartrain.server.schedules import check_schedule_limits, check_schedules, configure_schedules
from geartrain.server.settings import Settings, read_options


class Section(NamedTuple):
    """A table of the file that a running server can take anew."""

    name: str
    check: Callable[[Mapping[str, object]], None]  # raises SettingsError, naming the place, for what is wrong
    apply: Callable[[Broker, Mapping[str, object]], None]  # what was checked; what is left out holds no more


class Configuration(NamedTuple):
    """What a file says, checked."""

    path: str = ""  # absolute; empty where there is no file
    options: Mapping[str, object] = {}
    sections: Mapping[str, Mapping[str, object]] = {}  # by name
    access: AccessRules | None = None  # None where everybody may do everything

    def check_limits(self, settings: Settings) -> None:
        """Raise SettingsError where the sections have more than the options let them, wherever those were given."""
        schedules = self.sections.get(SCHEDULES, {})
        try:
            check_schedule_limits(schedules, settings.max_schedules, settings.max_function_schedules)
        except SettingsError as error:
            raise SettingsError(f"{self.path}: {error}") from None

    def apply(self, broker: Broker) -> None:
        """Let the sections hold, instead of what they said before."""
        for section in SECTIONS:
            section.apply(broker, self.sections.get(section.name, {}))


def check_functions(functions: Mapping[str, object]) -> None:
    Policies().configure(functions)


def apply_functions(broker: Broker, functions: Mapping[str, object]) -> None:
    broker.policies.configure(functions)
    apply_policies(broker)


SCHEDULES: Final = "schedules"
SECTIONS: Final = (
    Section("functions", check_functions, apply_functions),
    Section(SCHEDULES, check_schedules, configure_schedules),
)
ACCESS: Final = "access"  # the section of the server's own


def read_configuration(path: str) -> Configuration:
    """Read a TOML file; raises SettingsError naming the file and the place of what is wrong."""
    document = parse_file(path)
    options = read_options(document, path, [*(section.name for section in SECTIONS), ACCESS])
    sections: dict[str, Mapping[str, object]] = {}
    for section in SECTIONS:
        table = document.get(section.name, {})
        if not isinstance(table, dict):
            raise SettingsError(f"{path}: {section.name} wants tables of its own, got {table!r}")
        try:
            section.check(table)
        except SettingsError as error:
            raise SettingsError(f"{path}: {error}") from None
        sections[section.name] = table
    try:
        access = read_access(document.get(ACCESS))
    except SettingsError as error:
        raise SettingsError(f"{path}: {error}") from None
    return Configuration(str(Path(path).absolute()), options, sections, access)


def parse_file(path: str) -> dict[str, object]:
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise SettingsError(f"cannot read {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not a TOML file: {error}") from None
