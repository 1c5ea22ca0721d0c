"""What holds for a server, and where it comes from, for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from geartrain.server.configuration import Configuration
from geartrain.server.options import masked
from geartrain.server.settings import OPTIONS, settings_from
from geartrain.server.sources import FILE, given


def holding(
    command_line: Mapping[str, object], configuration: Configuration, environment: Mapping[str, str]
) -> Iterator[dict[str, object]]:
    """For each option its name, its value and its source; raises SettingsError where they cannot work."""
    settings = settings_from(command_line, configuration.options, environment)
    for option in OPTIONS:
        found = given(option, command_line, configuration.options, environment)
        value = getattr(settings, option.field)
        source = "default" if found is None else found.source
        if source == FILE:
            source = configuration.path or FILE
        if value != (option.default if found is None else found.value):
            source = "environment"  # gearmand's variables for TLS, which win over its options
        yield {"option": option.name, "value": masked(value), "source": source}
