"""``[schedules]`` of the configuration file: checked as a whole, and then all of it holds at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from geartrain.broker.broker import Broker
from geartrain.broker.schedule_fields import read_schedules
from geartrain.broker.schedules import OF_ALL, OF_FUNCTION
from geartrain.broker.ticks import configure
from geartrain.errors import SettingsError
from geartrain.server.cron import next_tick


def check_schedules(sections: Mapping[str, object]) -> None:
    """Raise SettingsError, naming the place, for what is wrong."""
    read_schedules(sections, "schedules", next_tick)


def check_schedule_limits(sections: Mapping[str, object], most: int, most_of_function: int) -> None:
    """Raise SettingsError where a file has more schedules than there may be, in all or of one function."""
    if len(sections) > most:
        raise SettingsError(f"schedules wants at most {most} tables, as {OF_ALL} says, got {len(sections)}")
    counts = Counter(fields["function"] for fields in sections.values() if isinstance(fields, dict))
    for function, count in counts.items():
        if count > most_of_function:
            raise SettingsError(
                f"schedules wants at most {most_of_function} tables with function = {function!r}, "
                f"as {OF_FUNCTION} says, got {count}"
            )


def configure_schedules(broker: Broker, sections: Mapping[str, object]) -> None:
    """Have these schedules, instead of those that the file had before; where one is wrong, as ``check_schedules``."""
    configure(broker, read_schedules(sections, "schedules", next_tick))
