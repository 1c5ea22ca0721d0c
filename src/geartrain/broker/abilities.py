"""Abilities: what a worker means when it says what it can do."""

from __future__ import annotations

from typing import Final

from geartrain.broker.answers import text
from geartrain.broker.arguments import leading_number
from geartrain.broker.broker import Broker

SHORTEST_TIME_LIMIT: Final = 1.0  # seconds


def time_limit(broker: Broker, function: bytes, timeout: bytes) -> float:
    """The seconds that CAN_DO_TIMEOUT says, 0 for none.

    Milliseconds, as gearmand since 1.1.19; a number below 1000 is likely to be meant as seconds.
    """
    number = leading_number(timeout)
    seconds = float(number) if broker.rules.timeout_in_seconds else number / 1000
    if 0 < seconds < SHORTEST_TIME_LIMIT:
        seconds = SHORTEST_TIME_LIMIT
        broker.notices.append(
            f"CAN_DO_TIMEOUT of {number} ms raised to 1 s function={text(function)}: was it meant in seconds?"
        )
    return max(seconds, 0.0)
