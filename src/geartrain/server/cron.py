"""Cron lines and time zones, as Debian's cron has them.

Where clocks change, a line that names its minute and its hour is due once: at the moment of the change when its own
time does not exist that day, and the first time when it comes twice. A line with ``*`` in either goes by the time that
passes.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from geartrain.broker.deadlines import NEVER
from geartrain.errors import SettingsError

LOCAL_ZONE: Final = Path("/etc/localtime")
NAMED: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
LONGEST_LINE: Final = 1000
TOO_MANY_DIGITS: Final = re.compile(r"\d{3}")  # no number of a cron line has three
EXPECTED: Final = (
    "minute, hour, day of the month, month and day of the week, such as '30 3 * * 1-5', or one of "
    + ", ".join(NAMED)
)


def next_tick(cron: str, timezone: str, after: float) -> float:
    """The first tick of a line after a Unix time; NEVER where there is none in 50 years. Raises SettingsError.

    Without a time zone it is the machine's, as TZ or /etc/localtime say.
    """
    zone = zone_named(timezone) if timezone else local_zone()
    for tick in ticks_from(cron, datetime.fromtimestamp(after // 1, zone)):
        # The first one is early where the hour before comes twice: there a line that names it was due already.
        if tick.timestamp() > after:
            return tick.timestamp()
    return NEVER


def ticks_from(cron: str, begin: datetime) -> CronSim:
    if len(cron) > LONGEST_LINE:
        raise SettingsError(f"cron wants at most {LONGEST_LINE} characters, got {len(cron)}")
    line = NAMED.get(cron.strip().lower(), cron)
    if len(line.split()) != 5 or not line.isascii() or TOO_MANY_DIGITS.search(line):
        raise SettingsError(f"cron wants {EXPECTED}, got {cron!r}")
    try:
        return CronSim(line, begin)
    except CronSimError as error:
        raise SettingsError(f"cron wants {EXPECTED}, got {cron!r}: {error}") from None


@lru_cache
def zone_named(name: str) -> ZoneInfo:
    """A time zone; raises SettingsError where this machine has none of the name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise SettingsError(
            f"timezone wants a name that this machine knows, such as Europe/Berlin, got {name!r}"
        ) from None


@lru_cache
def local_zone() -> tzinfo:
    """The machine's time zone; raises SettingsError for a TZ that is not the name of one."""
    name = os.environ.get("TZ", "").removeprefix(":")
    if "TZ" in os.environ:
        return zone_in_file(Path(name)) if name.startswith("/") else zone_named(name or "UTC")
    return zone_in_file(LOCAL_ZONE) if LOCAL_ZONE.exists() else UTC


def zone_in_file(path: Path) -> tzinfo:
    try:
        with path.open("rb") as file:
            return ZoneInfo.from_file(file, key=str(path))
    except (OSError, ValueError):
        raise SettingsError(f"timezone wants a file of a time zone, got {str(path)!r}") from None
