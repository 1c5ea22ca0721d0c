"""Policies: what an operator decides for a function, whoever its clients and workers are."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Final, NamedTuple

from geartrain.broker.policy_fields import AGAIN, FIELDS, Values, jobs_a_second, nested, read
from geartrain.errors import SettingsError

EXPONENT: Final = 2.0  # how many times longer each further delay is with an exponential back-off
WILDCARDS: Final = "*?["


class Policy(NamedTuple):
    """What a function's policy decides; the defaults are gearmand's behaviour."""

    attempts: int = 0  # most executions; 0: no limit but --job-retries
    on: frozenset[str] = frozenset(AGAIN)  # after which ends of an execution the job runs again
    delay: float = 0.0  # seconds before the second execution
    factor: float = 1.0  # how many times longer each further delay is
    max_delay: float = 3600.0  # seconds
    jitter: float = 0.1  # the part of a delay that may be left out at random
    foreground: bool = False  # foreground jobs run again after fail and exception, too
    timeout: float = 0.0  # seconds an execution may take, 0 any
    ttl: float = 0.0  # seconds a job may wait in its queue, 0 any
    max_running: int = 0  # jobs at a time, 0 any number
    rate: float = 0.0  # jobs a second, 0 any number
    paused: bool = False  # nothing is handed out
    draining: bool = False  # submits are refused, what is queued is worked off
    max_queue: tuple[int, int, int] = (0, 0, 0)  # jobs at which a submit of each priority is refused, 0 never
    keep_result: float = 0.0  # seconds the result of a background job is kept
    dead_letter: bool | None = None  # background jobs that end badly are kept; None: only poison


NO_POLICY: Final = Policy()


def policy_of(values: Mapping[str, object]) -> Policy:
    """The policy of values by dotted name; those that are not given are the defaults."""
    attempts = int(number(values, "retry.attempts"))
    return Policy(
        attempts=attempts,
        on=reasons(values),
        delay=number(values, "retry.delay"),
        factor=EXPONENT if values.get("retry.backoff") == "exponential" else 1.0,
        max_delay=number(values, "retry.max_delay"),
        jitter=number(values, "retry.jitter"),
        foreground=bool(values.get("retry.foreground")),
        timeout=number(values, "timeout"),
        ttl=number(values, "ttl"),
        max_running=int(number(values, "max_running")),
        rate=jobs_a_second(str(values.get("rate", ""))),
        paused=bool(values.get("paused")),
        draining=bool(values.get("draining")),
        max_queue=(
            int(number(values, "max_queue.high")),
            int(number(values, "max_queue.normal")),
            int(number(values, "max_queue.low")),
        ),
        keep_result=number(values, "keep_result"),
        dead_letter=kept_dead(values.get("dead_letter"), attempts),
    )


def kept_dead(given: object, attempts: int) -> bool | None:
    """Whether dead letters are kept, by default where attempts are limited."""
    if given is None:
        return True if attempts else None
    return bool(given)


def number(values: Mapping[str, object], name: str) -> float:
    """A value that is a number."""
    return float(str(values.get(name, FIELDS[name].default)))


def reasons(values: Mapping[str, object]) -> frozenset[str]:
    """After which ends of an execution the job runs again: ``on_timeout`` has the last word on one of them."""
    given = values.get("retry.on")
    on = {str(reason) for reason in given} if isinstance(given, list) else set(AGAIN)
    if values.get("on_timeout") == "fail":
        on.discard("timeout")
    if values.get("on_timeout") == "requeue":
        on.add("timeout")
    return frozenset(on)


class Policies:
    """What the configuration file says of functions, and what was set at run time.

    A name may be a wildcard. All entries that match apply, field by field, the later ones win: the file's wildcards in
    its order, its exact name, then the run time's wildcards in the order of the alphabet and its exact name.
    """

    def __init__(self) -> None:
        self.file: dict[str, Values] = {}  # by name
        self.set_later: dict[str, Values] = {}  # at run time, by name

    def configure(self, sections: Mapping[str, object]) -> None:
        """Take the file's sections instead of those it had; raises SettingsError and changes nothing."""
        self.file = {name: given_values(read_section(name, given)) for name, given in sections.items()}

    def set(self, name: str, fields: Mapping[str, object]) -> None:
        """Set fields at run time, over the file's; one that is None is the file's or the default again.

        Raises SettingsError and changes nothing.
        """
        values = given_values({**self.set_later.get(name, {}), **read_section(name, fields)})
        self.set_later.pop(name, None)
        if values:
            self.set_later[name] = values

    def at_run_time(self, name: str) -> dict[str, object]:
        """What was set at run time for exactly this name, as ``set`` takes it."""
        return nested(self.set_later.get(name, {}))

    def has(self, name: str) -> bool:
        """Whether there is an entry of exactly this name, in the file or set at run time."""
        return name in self.file or name in self.set_later

    def fields(self, name: bytes) -> dict[str, object]:
        """What holds for a function, in the file's form: the fields that differ from their defaults."""
        values = self.values(name)
        return nested({key: value for key, value in values.items() if value != FIELDS[key].default})

    def of(self, name: bytes) -> Policy | None:
        """A function's policy; None where it is gearmand's behaviour in all."""
        policy = policy_of(self.values(name))
        return policy if policy != NO_POLICY else None

    def values(self, name: bytes) -> Values:
        """What holds for a function, by dotted name."""
        exact = text_of(name)
        values: Values = {}
        for entries, order in ((self.file, list(self.file)), (self.set_later, sorted(self.set_later))):
            for pattern in order:
                if pattern != exact and is_wildcard(pattern) and fnmatchcase(exact, pattern):
                    values.update(entries[pattern])
            values.update(entries.get(exact, {}))
        return values


def text_of(name: bytes) -> str:
    """A function's name as operators read and write it: odd bytes are \\xNN."""
    return name.decode("utf-8", "backslashreplace")


def is_wildcard(name: str) -> bool:
    """Whether an entry's name may stand for several functions."""
    return any(sign in name for sign in WILDCARDS)


def literal(name: str) -> str:
    """The entry's name that stands for a function of just this name, whatever signs are in it."""
    return "".join([f"[{sign}]" if sign in WILDCARDS else sign for sign in name])


def read_section(name: str, given: object) -> Values:
    """The values of one entry by dotted name."""
    section = f'[functions."{name}"]'
    if not name:
        raise SettingsError(f"{section}: expected the name of a function, or a wildcard such as thumb*")
    if not isinstance(given, dict):
        raise SettingsError(f"{section} wants a table such as {{ timeout = 60 }}, got {given!r}")
    return read(section, given)


def given_values(values: Values) -> Values:
    """The values that are not None."""
    return {key: value for key, value in values.items() if value is not None}
