"""``[schedules]`` of the configuration file: checked as a whole, and then all of it holds at once."""

from __future__ import annotations

from collections.abc import Mapping

from geartrain.broker.broker import Broker
from geartrain.broker.schedule_fields import read_schedules
from geartrain.broker.ticks import configure
from geartrain.server.cron import next_tick


def check_schedules(sections: Mapping[str, object]) -> None:
    """Raise SettingsError, naming the place, for what is wrong."""
    read_schedules(sections, "schedules", next_tick)


def configure_schedules(broker: Broker, sections: Mapping[str, object]) -> None:
    """Have these schedules, instead of those that the file had before; where one is wrong, as ``check_schedules``."""
    configure(broker, read_schedules(sections, "schedules", next_tick))
