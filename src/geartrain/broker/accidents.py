"""Accidents: exceptions that nobody expected. Each ends one peer or one timer, and everybody else goes on."""

from __future__ import annotations

# Where this is compiled, a field's class is looked for among the names of the module.
from builtins import Exception
from typing import NamedTuple

from geartrain.broker.model import Connection


class Accident(NamedTuple):
    """An exception for the log, and whose fault it may be."""

    what: str  # was being done
    error: Exception
    connection: (
        Connection | None
    )  # must end, as what it asked for is done in part; None where it was nobody's packet
