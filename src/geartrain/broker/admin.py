"""The text protocol: one function for each command, from its words to its whole answer.

The commands of gearmand are here, and answer byte for byte as gearmand 2.0 does. Ours are in ``listing.py``,
``control.py`` and ``history.py``: they answer a JSON object a line, and a line with a dot at the end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final
from urllib.parse import unquote_to_bytes

from geartrain.broker.access import ADMIN, VIEW
from geartrain.broker.answers import END, incomplete, limit_of, refused
from geartrain.broker.broker import Broker
from geartrain.broker.control import (
    cancel_unique,
    drain,
    pause,
    peer_drain,
    peer_resume,
    policy,
    purge,
    resume,
    store_reattach,
)
from geartrain.broker.deeds import line_deed, outcome_of
from geartrain.broker.gates import limit
from geartrain.broker.history import dead, dead_discard, dead_retry, dead_show, result
from geartrain.broker.listing import functions, job, jobs, peers
from geartrain.broker.lists import Rows
from geartrain.broker.model import HIGH, LOW, NORMAL, Connection, Function, Job, job_by_handle
from geartrain.broker.policy import NO_POLICY
from geartrain.broker.recurring import cancel_recurring
from geartrain.broker.refusals import name_fault
from geartrain.broker.rights import need_of
from geartrain.broker.schedule_verbs import SCHEDULE_CHANGES, SCHEDULE_COMMANDS
from geartrain.broker.search import find
from geartrain.broker.sight import functions_for, jobs_in, may, peers_for
from geartrain.broker.stats import stats
from geartrain.broker.watching import events
from geartrain.broker.workloads import workload
from geartrain.errors import ProtocolError

MOST_WORDS: Final = 5
NAMES_AT_ONCE: Final = 100  # of a line of ``workers``
ESCAPED: Final = b"%"
MOST_BYTES: Final = 16 * 1024 * 1024  # answered in one turn before another question is refused

OK: Final = b"OK\r\n"
UNKNOWN_JOB: Final = b"ERR UNKNOWN_JOB\r\n"
UNKNOWN_ERROR: Final = b"ERR UNKNOWN_ERROR\r\n"
UNKNOWN_SHOW: Final = b"ERR UNKNOWN_SHOW_ARGUMENTS\r\n"
STILL_CONNECTED: Final = b"ERR there are still connected workers or executing clients\r\n"
NO_SUCH_FUNCTION: Final = b"ERR function not found\r\n"


class Console:
    """One connection's side of the text protocol."""

    def __init__(self, broker: Broker, connection: Connection) -> None:
        self.broker = broker
        self.connection = connection  # whose it is
        self.turn = 0.0  # when it asked last
        self.size = 0  # bytes that were answered in that turn
        self.waits = False  # whether the last answer must wait for the store

    def answer(self, line: bytes) -> bytes | Rows:
        """The answer to a line, or the rows of a list; raises ProtocolError when the connection must end.

        What may be asked in one turn is bounded, since a few bytes can ask for megabytes.
        """
        words = words_of(line)
        if self.turn != self.broker.now:
            self.turn = self.broker.now
            self.size = 0
        if self.size > MOST_BYTES:
            raise ProtocolError(
                f"answers of more than {MOST_BYTES} bytes at once", refusal="ARGUMENT_TOO_LARGE"
            )
        verb = words[0].lower()
        command = COMMANDS.get(verb)
        answer = unknown(words[0]) if command is None else command(self.broker, words)
        self.waits = verb in WAITING
        if not isinstance(answer, bytes):
            return answer
        if need_of(words).changes and not self.broker.relayed:
            self.broker.deeds.append(line_deed(self.connection, words, outcome_of(answer)))
        self.size += len(answer)
        return answer

    def carry(self, size: int) -> None:
        """Count a list that was told in several turns for the questions that waited behind it."""
        self.size += size
        self.turn = self.broker.now


def words_of(line: bytes) -> list[bytes]:
    """The words of a line; raises ProtocolError where they are too many.

    Behind a verb that begins with a percent sign they are percent-encoded, so a name may have any byte.
    """
    words = re.split(rb" +", line)
    if len(words) > MOST_WORDS:
        raise ProtocolError(f"a text line has {len(words)} words, at most {MOST_WORDS} are expected")
    if words[0].startswith(ESCAPED) and words[0][1:].lower() in COMMANDS:
        return [words[0][1:], *[unquote_to_bytes(word) for word in words[1:]]]
    return words


def unknown(word: bytes) -> bytes:
    """gearmand appends the word without a space."""
    return b"ERR UNKNOWN_COMMAND Unknown+server+command" + word + b"\r\n"


def is_word(words: list[bytes], position: int, expected: bytes) -> bool:
    """Whether the word at a position is the expected one, in any case."""
    return len(words) > position and words[position].lower() == expected


def is_cancel(words: list[bytes]) -> bool:
    """Whether ``cancel`` names a job: ``cancel job HANDLE``."""
    return len(words) == 3 and is_word(words, 1, b"job")


# gearmand's commands


def status(broker: Broker, words: list[bytes]) -> Rows:
    return Rows(len(broker.functions), status_lines(broker))


def status_lines(broker: Broker) -> Iterator[bytes]:
    for function in functions_for(broker):
        if function is None:
            yield b""
            continue
        counts = (function.total(), function.running, len(function.workers))
        yield b"%b\t%d\t%d\t%d\n" % (function.name, *counts)
    yield END


def prioritystatus(broker: Broker, words: list[bytes]) -> Rows:
    return Rows(len(broker.functions), priority_lines(broker))


def priority_lines(broker: Broker) -> Iterator[bytes]:
    for function in functions_for(broker):
        if function is None:
            yield b""
            continue
        queued = (function.queued(HIGH), function.queued(NORMAL), function.queued(LOW))
        yield b"%b\t%d\t%d\t%d\t%d\n" % (function.name, *queued, len(function.workers))
    yield END


def workers(broker: Broker, words: list[bytes]) -> Rows:
    return Rows(len(broker.connections), worker_lines(broker))


def worker_lines(broker: Broker) -> Iterator[bytes]:
    """A line for each connection; one of many names comes in parts."""
    for peer in peers_for(broker):
        if peer is None:
            yield b""
            continue
        yield b"%d %b %b :" % (peer.number, peer.host, peer.client_id)
        abilities = list(peer.abilities)
        for start in range(0, len(abilities), NAMES_AT_ONCE):
            some = abilities[start : start + NAMES_AT_ONCE]
            yield b"".join([b" " + each.name for each in some if may(broker, VIEW, each.name)])
        yield b"\n"
    yield END


def maxqueue(broker: Broker, words: list[bytes]) -> bytes:
    """No number: no limit. One: for all priorities. Two: high and normal. Three: high, normal and low."""
    if len(words) < 2:
        return incomplete(b"maxqueue")
    numbers = [limit_of(word) for word in words[2:]]
    if not numbers:
        limit(broker, words[1], NO_POLICY.max_queue)
    elif len(numbers) == 1:
        limit(broker, words[1], (numbers[0], numbers[0], numbers[0]))
    elif len(numbers) == 2:
        limit(broker, words[1], (numbers[0], numbers[1], 0))
    else:
        limit(broker, words[1], (numbers[0], numbers[1], numbers[2]))
    return OK


def getpid(broker: Broker, words: list[bytes]) -> bytes:
    return b"OK %d\n" % broker.rules.pid


def verbose(broker: Broker, words: list[bytes]) -> bytes:
    return b"OK %b\n" % broker.rules.verbose


def version(broker: Broker, words: list[bytes]) -> bytes:
    return b"OK %b\n" % broker.rules.version


def show(broker: Broker, words: list[bytes]) -> bytes | Rows:
    if len(words) == 1:
        return unknown(words[0])
    if is_word(words, 1, b"jobs"):
        return Rows(len(broker.jobs), job_lines(broker))
    if is_word(words, 1, b"unique") and is_word(words, 2, b"jobs"):
        return Rows(len(broker.jobs), unique_lines(broker))
    return UNKNOWN_SHOW


def job_lines(broker: Broker) -> Iterator[bytes]:
    for known in jobs_in(broker):
        yield b"" if known is None else shown(known)
    yield END


def unique_lines(broker: Broker) -> Iterator[bytes]:
    for known in jobs_in(broker):
        yield b"" if known is None else known.unique + b"\n"
    yield END


def shown(job: Job) -> bytes:
    """Handle, retries (gearmand counts in 8 bits), ignored (never: we remove at once), persisted."""
    return b"%b\t%d\t0\t%d\n" % (job.handle, job.attempts & 0xFF, job.background)


def cancel(broker: Broker, words: list[bytes]) -> bytes:
    if len(words) == 1 or (len(words) == 2 and is_word(words, 1, b"job")):
        return unknown(words[0])
    if not is_cancel(words):
        return UNKNOWN_ERROR
    job = job_by_handle(broker.jobs, words[2])
    if job is None:
        return OK if cancel_recurring(broker, words[2]) else UNKNOWN_JOB
    broker.cancel(job)
    return OK


def create(broker: Broker, words: list[bytes]) -> bytes:
    if len(words) < 3 or not is_word(words, 1, b"function"):
        return incomplete(b"create")
    fault = name_fault(words[2])
    if fault:
        return refused(fault)
    broker.function(words[2]).created = True
    return OK


def drop(broker: Broker, words: list[bytes]) -> bytes:
    if len(words) < 3 or not is_word(words, 1, b"function"):
        return incomplete(b"drop")
    function = function_named(broker, words[2])
    if function is None or not may(broker, ADMIN, function.name):
        return NO_SUCH_FUNCTION
    if function.workers or function.running:
        return STILL_CONNECTED
    forget(broker, function)
    return OK


def forget(broker: Broker, function: Function) -> None:
    """Remove a function without workers or running jobs; whoever waits for a queued job hears WORK_FAIL."""
    function.due = []  # all at once: to take them from the heap one by one is slow
    for doomed in [known for known in broker.jobs.values() if known.function is function]:
        broker.cancel(doomed)
    del broker.functions[function.name]


def function_named(broker: Broker, name: bytes) -> Function | None:
    """The function of that name, else one whose name differs in case only: gearmand compares so."""
    if name in broker.functions:
        return broker.functions[name]
    folded = name.lower()
    for function in broker.functions.values():
        if function.name.lower() == folded:
            return function
    return None


COMMANDS: Final[dict[bytes, Callable[[Broker, list[bytes]], bytes | Rows]]] = {
    b"status": status,
    b"prioritystatus": prioritystatus,
    b"workers": workers,
    b"maxqueue": maxqueue,
    b"getpid": getpid,
    b"verbose": verbose,
    b"version": version,
    b"show": show,
    b"cancel": cancel,
    b"create": create,
    b"drop": drop,
    b"jobs": jobs,
    b"job": job,
    b"find": find,
    b"workload": workload,
    b"functions": functions,
    b"peers": peers,
    b"peer-drain": peer_drain,
    b"peer-resume": peer_resume,
    b"events": events,
    b"stats": stats,
    b"store-reattach": store_reattach,
    b"policy": policy,
    b"pause": pause,
    b"drain": drain,
    b"resume": resume,
    b"purge": purge,
    b"cancel-unique": cancel_unique,
    b"dead": dead,
    b"dead-show": dead_show,
    b"dead-retry": dead_retry,
    b"dead-discard": dead_discard,
    b"result": result,
    **SCHEDULE_COMMANDS,
}

WAITING: Final = frozenset(
    (
        b"maxqueue",
        b"cancel",
        b"drop",
        b"policy",
        b"pause",
        b"drain",
        b"resume",
        b"purge",
        b"cancel-unique",
        b"workload",
        b"dead-show",
        b"dead-retry",
        b"dead-discard",
        *SCHEDULE_CHANGES,
    )
)
"""Those that are answered when the store has what they changed, or has given what they show."""
