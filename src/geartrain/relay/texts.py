"""Text commands in a pool: which shards a line concerns, and how the answers of several make one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from geartrain.broker.admin import NO_SUCH_FUNCTION
from geartrain.broker.answers import END, json_lines, limit_of, octets
from geartrain.broker.control import object_of
from geartrain.broker.listing import MOST_ROWS
from geartrain.broker.policy import is_wildcard, text_of
from geartrain.broker.shards import shard_of, shard_of_handle
from geartrain.broker.sight import ANY
from geartrain.protocol.commands import NO_JOB
from geartrain.protocol.packet import HEADER_SIZE, NUL, response
from geartrain.relay.answers import Row, is_refusal, lines_of, refusal, rows_of, sorted_rows, word
from geartrain.relay.pages import joined_events, joined_pages
from geartrain.relay.questions import Merge

HERE: Final = frozenset(
    (b"getpid", b"verbose", b"version", b"stats", b"store-reattach")
)  # about the server that is asked, not about jobs
ADD: Final = b"schedule-add"
REMOVE: Final = b"schedule-remove"

UNKNOWN_SCHEDULE: Final = b"ERR UNKNOWN_SCHEDULE"
NOTHING: Final = response(NO_JOB)


class Plan(NamedTuple):
    """Which shards are asked, the first one first, and what makes one answer of all."""

    shards: list[int]
    merge: Merge | None = None  # None: another one is asked only when those before it cannot say


def plan(words: list[bytes], shards: int) -> Plan:
    """What to do with a line."""
    verb = words[0].lower()
    concerned = CONCERNED.get(verb)
    asked = [0] if concerned is None else concerned(words, shards)
    return Plan(asked, None if verb in IN_TURN else MERGES.get(verb, first))


def cannot_say(answer: bytes) -> bool:
    """Whether another shard may know what this one does not."""
    return answer in (NOTHING, NO_SUCH_FUNCTION) or answer.startswith(UNKNOWN_SCHEDULE)


def is_addition(words: list[bytes], answer: bytes) -> bool:
    """Whether a schedule was added."""
    return bool(words) and words[0].lower() == ADD and not is_refusal(answer)


# Which shards a line concerns. What is wrong with it, the first one will say.


def every(words: list[bytes], shards: int) -> list[int]:
    return list(range(shards))


def by_function(words: list[bytes], shards: int) -> list[int]:
    return [shard_of(word(words, 1), shards)]


def by_function_or_any(words: list[bytes], shards: int) -> list[int]:
    """No function, or ``*``, is every function."""
    return every(words, shards) if word(words, 1) in (b"", ANY) else by_function(words, shards)


def by_pattern(words: list[bytes], shards: int) -> list[int]:
    """A policy may be that of all functions whose names are alike."""
    wild = is_wildcard(text_of(word(words, 1)))
    return every(words, shards) if wild else by_function(words, shards)


def by_handle(words: list[bytes], shards: int) -> list[int]:
    return [shard_of_handle(word(words, 1), shards)]


def by_second_handle(words: list[bytes], shards: int) -> list[int]:
    return [shard_of_handle(word(words, 2), shards)]


def by_second_function(words: list[bytes], shards: int) -> list[int]:
    return [shard_of(word(words, 2), shards)]


def by_likely_function(words: list[bytes], shards: int) -> list[int]:
    """The function's own shard first: another one may have a function whose name differs in case only."""
    return beginning_with(shard_of(word(words, 2), shards), shards)


def by_schedule(words: list[bytes], shards: int) -> list[int]:
    """A schedule is where its function is: the others may have one of the same name."""
    return beginning_with(shard_of(function_in(word(words, 2)), shards), shards)


def by_wanted(words: list[bytes], shards: int) -> list[int]:
    """Jobs of one function, or of any; a backslash may stand for an odd byte."""
    name = function_in(word(words, 1))
    return [shard_of(name, shards)] if name and b"\\" not in name else every(words, shards)


def function_in(fields: bytes) -> bytes:
    """The function that an object of JSON names; empty where it names none."""
    given = object_of(fields)
    function = None if given is None else given.get("function")
    return octets(function) if isinstance(function, str) else b""


def beginning_with(shard: int, shards: int) -> list[int]:
    """All shards, one of them first."""
    return [shard] + [other for other in range(shards) if other != shard]


# One answer of many


def first(words: list[bytes], answers: list[bytes]) -> bytes:
    """Where all say the same."""
    return refusal(answers) or answers[0]


def joined(words: list[bytes], answers: list[bytes]) -> bytes:
    """The lines of all."""
    return refusal(answers) or b"".join([answer.removesuffix(END) for answer in answers]) + END


def joined_workers(words: list[bytes], answers: list[bytes]) -> bytes:
    """A connection has one line, with what it can do in any shard."""
    lines: dict[tuple[bytes, ...], bytes] = {}
    for answer in answers:
        for line in lines_of(answer):
            shown, _, functions = line.partition(b" :")
            key = tuple(shown.split(b" ", 2))
            lines[key] = lines.get(key, shown + b" :") + functions
    return refusal(answers) or b"".join([line + b"\n" for line in lines.values()]) + END


def joined_peers(words: list[bytes], answers: list[bytes]) -> bytes:
    """The same as JSON; a worker sleeps if it does so wherever it can do something."""
    peers: dict[tuple[object, ...], Row] = {}
    for row in rows_of(answers):
        key = (row["number"], row["host"], row["id"])
        known = peers.setdefault(key, row)
        if known is row:
            continue
        if not known["functions"] or (row["functions"] and not row["asleep"]):
            known["asleep"] = row["asleep"]
        known["draining"] = known["draining"] or row["draining"]
        for name in ("functions", "running", "waiting", "jobs"):
            known[name] = items(known[name]) + items(row[name])
        for name in ("running_count", "waiting_count"):
            known[name] = sum_of(known[name], row[name])
    return refusal(answers) or json_lines(list(peers.values()))


def sum_of(one: object, other: object) -> int:
    """Two counts in rows."""
    return (one if isinstance(one, int) else 0) + (other if isinstance(other, int) else 0)


def items(value: object) -> list[object]:
    """A list in a row."""
    return value if isinstance(value, list) else []


def oldest_jobs(words: list[bytes], answers: list[bytes]) -> bytes:
    return oldest(words, answers, "submitted_at")


def oldest_dead(words: list[bytes], answers: list[bytes]) -> bytes:
    return oldest(words, answers, "died_at")


def oldest(words: list[bytes], answers: list[bytes], field: str) -> bytes:
    """As many of all rows as were asked for, the oldest first."""
    rows = sorted_rows(rows_of(answers), field)
    return refusal(answers) or json_lines(rows[: limit_of(word(words, 2)) or MOST_ROWS])


def by_name(words: list[bytes], answers: list[bytes]) -> bytes:
    return refusal(answers) or json_lines(sorted_rows(rows_of(answers), "name"))


def summed(words: list[bytes], answers: list[bytes]) -> bytes:
    """A row that counts what each shard did."""
    total: Row = {}
    for row in rows_of(answers):
        for name, value in row.items():
            known = total.get(name)
            total[name] = known + value if isinstance(known, int) and isinstance(value, int) else value
    return refusal(answers) or json_lines([total])


def best_status(words: list[bytes], answers: list[bytes]) -> bytes:
    """GET_STATUS_UNIQUE: the shard whose job runs, else one that has a job."""
    best = answers[0]
    for answer in answers:
        if known_and_running(answer) > known_and_running(best):
            best = answer
    return best


def known_and_running(packet: bytes) -> bytes:
    """The two digits that say so in STATUS_RES_UNIQUE, which compare as they should."""
    fields = packet[HEADER_SIZE:].split(NUL)
    return fields[1] + fields[2]


CONCERNED: Final[dict[bytes, Callable[[list[bytes], int], list[int]]]] = {
    b"status": every,
    b"prioritystatus": every,
    b"workers": every,
    b"maxqueue": by_pattern,
    b"show": every,
    b"cancel": by_second_handle,
    b"create": by_second_function,
    b"drop": by_likely_function,
    b"jobs": by_function_or_any,
    b"job": by_handle,
    b"find": by_wanted,
    b"workload": by_handle,
    b"functions": by_function_or_any,
    b"peers": every,
    b"peer-drain": every,
    b"peer-resume": every,
    b"events": every,
    b"policy": by_pattern,
    b"pause": by_pattern,
    b"drain": by_pattern,
    b"resume": by_pattern,
    b"purge": by_function_or_any,
    b"cancel-unique": by_function,
    b"dead": by_function_or_any,
    b"dead-show": by_handle,
    b"dead-retry": every,
    b"dead-discard": every,
    b"result": by_handle,
    b"schedules": every,
    ADD: by_schedule,
    b"schedule-run": every,
    REMOVE: every,
    b"schedule-pause": every,
    b"schedule-resume": every,
}

IN_TURN: Final = frozenset((b"drop", ADD, b"schedule-run", REMOVE, b"schedule-pause", b"schedule-resume"))

MERGES: Final[dict[bytes, Merge]] = {
    b"status": joined,
    b"prioritystatus": joined,
    b"workers": joined_workers,
    b"show": joined,
    b"jobs": oldest_jobs,
    b"functions": joined,
    b"peers": joined_peers,
    b"peer-drain": joined_peers,
    b"peer-resume": joined_peers,
    b"find": joined_pages,
    b"events": joined_events,
    b"purge": summed,
    b"dead": oldest_dead,
    b"dead-retry": summed,
    b"dead-discard": summed,
    b"schedules": by_name,
}
