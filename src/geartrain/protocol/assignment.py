"""A job at its worker: what the server said of it, and the packets that tell of its progress and its end."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import Final

from geartrain.errors import Fail, PayloadError, Retry, described
from geartrain.protocol.commands import (
    NAMES,
    WORK_COMPLETE,
    WORK_DATA,
    WORK_EXCEPTION,
    WORK_FAIL,
    WORK_RETRY,
    WORK_STATUS,
    WORK_WARNING,
)
from geartrain.protocol.documents import read_object
from geartrain.protocol.packet import HEADER_SIZE, LARGEST_PAYLOAD, PAYLOAD_LIMIT, request
from geartrain.protocol.submission import UNIQUE_LENGTH, Payload, Unique, payload

MOST: Final = 0xFFFFFFFF  # of a status number
ATTEMPT: Final = b"~"  # parts a unique from the number of its attempt, and that from its seal
ROOM_FOR_OTHERS: Final = 64  # bytes of a packet's other arguments
SEAL_SIZE: Final = 4  # bytes of a digest
MOST_DIGITS: Final = 9  # of the number of an attempt


class Assignment:
    """A job that the server gave to this worker."""

    __slots__ = (
        "began",
        "cancelled",
        "details",
        "function",
        "handle",
        "limit",
        "most",
        "running",
        "settled",
        "unique",
        "wake",
        "workload",
    )

    def __init__(
        self, handle: bytes, function: bytes, unique: bytes, workload: bytes, details: bytes = b""
    ) -> None:
        self.handle = handle
        self.function = function
        self.unique = unique  # empty where the job has none, or GRAB_JOB does not tell
        self.workload = workload
        self.details = details  # JSON of a server with the extension, empty elsewhere
        self.settled = False  # its last packet is on the way, or unwanted
        self.cancelled = ""  # why it was taken away: "cancelled", "timeout" or "lost"; empty while it was not
        self.began = 0.0  # when its function was called, by the monotonic clock
        self.limit = 0.0  # seconds that it may take, 0 for any
        self.most = LARGEST_PAYLOAD  # bytes of a packet's payload that the server takes
        self.wake: Callable[[], object] | None = None  # called when that happens, if anybody wants to know
        self.running: dict[bytes, Assignment] | None = None  # its connection's jobs; None where it has none

    def settle(self) -> None:
        """Nothing more is said of the job."""
        self.settled = True
        if self.running is not None and self.running.get(self.handle) is self:
            del self.running[self.handle]

    def take_limits(self) -> None:
        """Keep to the limits that a server with the extension told."""
        fields = told(self)
        limit, most = fields.get("timeout"), fields.get("max_payload")
        self.limit = float(limit) if isinstance(limit, (int, float)) else 0.0
        self.most = most if isinstance(most, int) else PAYLOAD_LIMIT

    def cancel(self, reason: str) -> None:
        """The job was taken away: whatever is said of it now is not sent."""
        self.cancelled = reason
        self.settle()
        if self.wake is not None:
            self.wake()


def told(job: Assignment) -> dict[str, object]:
    """What a server with the extension told of a job; nothing where another one assigned it."""
    if not job.details:
        return {}
    try:
        return read_object(job.details)
    except ValueError:
        return {}


def attempt(job: Assignment) -> int:
    """1 for a job's first run: counted by the server, by the unique, or a part by either."""
    here = told(job).get("attempt", 1)
    return attempt_number(job.unique) - 1 + (here if isinstance(here, int) else 1)


def metadata(job: Assignment) -> dict[str, str]:
    """What the client wanted to be kept with the job."""
    found = told(job).get("metadata")
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}


def packet(job: Assignment, command: int, *arguments: bytes) -> bytes:
    """A packet about a job; nothing where the job was taken away. Raises PayloadError where it is too large."""
    if job.cancelled:
        return b""
    whole = request(command, job.handle, *arguments)
    if len(whole) > job.most + HEADER_SIZE:
        raise PayloadError(
            f"{NAMES[command]} of {len(whole) - HEADER_SIZE} bytes is over the server's limit of {job.most}",
            handle=job.handle.decode("utf-8", "replace"),
        )
    return whole


def data(job: Assignment, chunk: bytes) -> bytes:
    """A piece of the result."""
    return packet(job, WORK_DATA, chunk)


def warning(job: Assignment, text: bytes) -> bytes:
    """A warning for the clients."""
    return packet(job, WORK_WARNING, text)


def status(job: Assignment, numerator: float, denominator: float) -> bytes:
    """How far the job is: whole numbers between 0 and 4294967295."""
    return packet(
        job,
        WORK_STATUS,
        b"%d" % min(MOST, max(0, round(numerator))),
        b"%d" % min(MOST, max(0, round(denominator))),
    )


def complete(job: Assignment, result: bytes) -> bytes:
    """The job's end with a result."""
    last = packet(job, WORK_COMPLETE, result)
    job.settle()
    return last


def fail(job: Assignment) -> bytes:
    """The job's end without a result."""
    job.settle()
    return packet(job, WORK_FAIL)


def exception(job: Assignment, text: bytes) -> bytes:
    """The job's end by an exception; no WORK_FAIL may follow it."""
    last = packet(job, WORK_EXCEPTION, text)
    job.settle()
    return last


def retry_later(job: Assignment, retry: Retry) -> bytes:
    """The end of this execution: the server has the job run again. It hears of what the Retry was raised from."""
    delay = b"%d" % -int(-max(0.0, retry.delay) * 1000 // 1)
    last = packet(job, WORK_RETRY, delay, told_of(job, retry.__cause__ or retry))
    job.settle()
    return last


def returned(job: Assignment, result: Payload | None) -> bytes:
    """The job's end by what its function returned; nothing to send where it has ended already."""
    if job.settled:
        return b""
    return complete(job, b"" if result is None else payload(result))


def raised(job: Assignment, error: BaseException) -> bytes:
    """The job's end by what its function raised, other than Retry and Reject; nothing to send where it has ended."""
    if job.settled:
        return b""
    if isinstance(error, Fail):
        return fail(job)
    return exception(job, told_of(job, error))


def told_of(job: Assignment, error: BaseException) -> bytes:
    """An exception as clients hear it, as far as a packet has room for it."""
    room = max(0, job.most - len(job.handle) - ROOM_FOR_OTHERS)
    return described(error).encode("utf-8", "replace")[:room]


def attempt_number(unique: bytes) -> int:
    """1, or the number that ``next_unique`` put at the end of a unique; a "~3" of somebody else is none."""
    base, _, ending = unique.rpartition(ATTEMPT)
    digits = base.rpartition(ATTEMPT)[2]
    if not digits.isdigit() or len(digits) > MOST_DIGITS or ending != seal(base):
        return 1
    return int(digits)


def seal(numbered: bytes) -> bytes:
    """What tells a unique with the number of its attempt from a client's own that only looks like one."""
    return blake2b(numbered, digest_size=SEAL_SIZE).hexdigest().encode()


def next_unique(unique: bytes, handle: bytes) -> bytes:
    """The unique of a job's next attempt: the same one would join the attempt that still runs."""
    number = attempt_number(unique)
    base = unique if number == 1 else unique.rsplit(ATTEMPT, 2)[0]
    if base in (Unique.NONE.value, Unique.CONTENT.value):
        base = handle
    end = ATTEMPT + b"%d" % (number + 1)
    if len(base) + len(end) + len(ATTEMPT) + 2 * SEAL_SIZE > UNIQUE_LENGTH:
        base = blake2b(base, digest_size=16).hexdigest().encode()
    return base + end + ATTEMPT + seal(base + end)
