"""Text commands about jobs that are over: dead letters, and the results that are kept."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from geartrain.broker.access import ADMIN, VIEW
from geartrain.broker.answers import END, incomplete, json_line, json_lines, limit_of, refused, text
from geartrain.broker.archive import DeadLetter
from geartrain.broker.batch import ResultRecord
from geartrain.broker.broker import Broker
from geartrain.broker.graveyard import discard, revive
from geartrain.broker.listing import MOST_ROWS
from geartrain.broker.lists import Rows
from geartrain.broker.model import PRIORITIES, Job, number_of
from geartrain.broker.sight import ANY, letters_for, may
from geartrain.broker.workloads import MOST_SHOWN, SHOW_DEAD, fetch_shown, payload

MOST_LISTED: Final = 500  # bytes of an error in a list
PLACE: Final = re.compile(rb"(\d{1,20}(?:\.\d{1,20})?),(.+)", re.DOTALL)


def dead(broker: Broker, words: list[bytes]) -> bytes | Rows:
    """``dead [FUNCTION|* [LIMIT [CURSOR]]]``: the dead letters, the oldest first, 1000 of them without a limit.

    The cursor is the time and the handle of the last one of an earlier answer, ``DIED_AT,HANDLE``.
    """
    wanted = ANY if len(words) < 2 else words[1]
    limit = MOST_ROWS if len(words) < 3 else limit_of(words[2]) or MOST_ROWS
    seen = PLACE.fullmatch(words[3]) if len(words) > 3 else None
    if len(words) > 3 and seen is None:
        return refused(f"cursor {text(words[3])!r}, expected the time and the handle of a dead letter")
    numbers = list(broker.archive.dead) if seen is None else behind(broker, float(seen[1]), seen[2])
    return Rows(len(numbers), dead_rows(broker, numbers, wanted, limit))


def dead_rows(broker: Broker, numbers: list[int], wanted: bytes, limit: int) -> Iterator[bytes]:
    """Some dead letters of a function, or of any."""
    for number in numbers:
        letter = broker.archive.dead.get(number)
        name = b"" if letter is None else letter.job.function.name
        if letter is None or wanted not in (name, ANY) or not may(broker, VIEW, name):
            yield b""
            continue
        yield json_line(describe_letter(letter, MOST_LISTED))
        limit -= 1
        if not limit:
            break
    yield END


def behind(broker: Broker, died_at: float, handle: bytes) -> list[int]:
    """The dead letters behind the one of a handle; where it is none any more, those that died then or later."""
    last = letter_of(broker, handle)
    if last is not None and not may(broker, VIEW, last.job.function.name):
        last = None  # there is none for the asker
    numbers = list(broker.archive.dead)
    for place, letter in enumerate(broker.archive.dead.values()):
        if letter is last:
            return numbers[place + 1 :]
        if last is None and letter.record.died_at >= died_at:
            return numbers[place:]
    return []


def dead_show(broker: Broker, words: list[bytes]) -> bytes:
    """``dead-show HANDLE``: one line with the workload, or none when there is no such dead letter."""
    letter = letter_of(broker, words[1]) if len(words) > 1 else None
    if letter is None:
        return json_lines([])
    if letter.job.workload is None and broker.batch is not None:
        return fetch_shown(broker, letter.job, SHOW_DEAD)
    return shown(broker, letter.job, letter.job.workload)


def shown(broker: Broker, job: Job, workload: bytes | None) -> bytes:
    """The answer to ``dead-show``, if the job is a dead letter still; a workload that cannot be read is null."""
    letter = broker.archive.dead.get(job.number)
    if letter is None:
        return json_lines([])
    return json_lines([describe_letter(letter, MOST_SHOWN) | payload("workload", workload, MOST_SHOWN)])


def dead_retry(broker: Broker, words: list[bytes]) -> bytes:
    """``dead-retry HANDLE|FUNCTION|*``: queue dead letters again."""
    if len(words) < 2:
        return incomplete(words[0])
    letters = letters_of(broker, words[1])
    for letter in letters:
        revive(broker, letter)
    return json_lines([{"target": text(words[1]), "retried": len(letters)}])


def dead_discard(broker: Broker, words: list[bytes]) -> bytes:
    """``dead-discard HANDLE|FUNCTION|*``: forget dead letters."""
    if len(words) < 2:
        return incomplete(words[0])
    letters = letters_of(broker, words[1])
    for letter in letters:
        discard(broker, letter)
    return json_lines([{"target": text(words[1]), "discarded": len(letters)}])


def result(broker: Broker, words: list[bytes]) -> bytes:
    """``result HANDLE [BYTES]``: how the job ended, in one line, or none when nothing is kept of it.

    With a number of bytes no more than that of its result, and with 0 none.
    """
    if len(words) < 2:
        return json_lines([])
    record = broker.archive.results.get(number_of(words[1]))
    if record is None or record.handle != words[1]:
        return json_lines([])
    most = len(record.result)
    if len(words) > 2:
        if not words[2].isdigit():
            return refused(f"bytes {text(words[2])!r}, expected a number")
        most = min(most, int(words[2]) if len(words[2]) < 19 else most)
    return json_lines([describe_result(record) | payload("result", record.result, most)])


def letter_of(broker: Broker, handle: bytes) -> DeadLetter | None:
    """The dead letter whose job had this handle."""
    letter = broker.archive.dead.get(number_of(handle))
    return letter if letter is not None and letter.job.handle == handle else None


def letters_of(broker: Broker, word: bytes) -> list[DeadLetter]:
    """The dead letter with a handle, those of a function, or all; of them those that the asker may decide on."""
    one = letter_of(broker, word)
    if one is not None:
        return [one] if may(broker, ADMIN, one.job.function.name) else []
    return [letter for letter in letters_for(broker, ADMIN) if word in (letter.job.function.name, ANY)]


def describe_letter(letter: DeadLetter, most: int) -> dict[str, object]:
    job, record = letter.job, letter.record
    return {
        "handle": text(job.handle),
        "function": text(job.function.name),
        "unique": text(job.unique),
        "reason": record.reason,
        "error": text(record.error[:most]),
        "worker": text(record.worker) or None,
        "attempts": job.attempts,
        "priority": PRIORITIES[job.priority],
        "workload_bytes": job.size,
        "submitted_at": job.submitted_at,
        "died_at": record.died_at,
    }


def describe_result(record: ResultRecord) -> dict[str, object]:
    return {
        "handle": text(record.handle),
        "function": text(record.function),
        "unique": text(record.unique),
        "state": record.state,
        "worker": text(record.worker) or None,
        "attempts": record.attempts,
        "submitted_at": record.submitted_at,
        "started_at": record.started_at or None,
        "finished_at": record.finished_at,
        "expires_at": record.expires_at,
        "result_bytes": len(record.result),
    }
