"""Every exception Geartrain raises, as one tree.

GearmanError
├── ConnectError           a server could not be reached
│   └── NoServers          none of the servers could be reached
├── ConnectionLost         the link ended before the answer
├── ProtocolError          the peer sent bytes that are not Gearman
├── ServerError            the server answered with an ERROR packet
│   ├── QueueFull          the function's queue limit refused the job
│   ├── ArgumentTooLarge   a unique or another argument is over its limit
│   ├── JobNotFound        the server does not know the handle
│   ├── UnknownOption      the server does not know the option
│   └── PermissionDenied   the server's access rules do not allow it
├── ExtensionMissing       the call needs a Geartrain server, and this is none
├── JobFailed              WORK_FAIL
│   ├── JobException       WORK_EXCEPTION, with the worker's bytes
│   └── JobCancelled       somebody cancelled the job
├── ResultNotKept          a background job is over, and no policy has its result kept
├── JobTimeout             a deadline passed (also a TimeoutError)
├── PayloadError           a task cannot send or read a value
├── StoreError             a store could not load or commit
│   ├── EngineLost         the engine of a pool could not be reached
│   └── Fenced             the lease of the shard is another server's
└── SettingsError          an option that cannot work

``Fail``, ``Retry`` and ``Reject`` are not errors of Geartrain: a worker's function raises them to say how its job ends.
``JobCancelled`` is of both kinds.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import IntEnum
from typing import ClassVar, Final

from geartrain.printable import printable


class ReturnCode(IntEnum):
    """libgearman's return values, so that logs can be compared with those of PHP and C programs."""

    SUCCESS = 0
    ERRNO = 4
    INVALID_PACKET = 10
    GETADDRINFO = 12
    NO_SERVERS = 13
    LOST_CONNECTION = 14
    SERVER_ERROR = 18
    WORK_EXCEPTION = 23
    WORK_FAIL = 24
    COULD_NOT_CONNECT = 26
    QUEUE_ERROR = 42
    UNKNOWN_OPTION = 46
    TIMEOUT = 47
    ARGUMENT_TOO_LARGE = 48
    INVALID_ARGUMENT = 49
    JOB_NOT_FOUND = 52


Revival = tuple[
    Callable[[type[BaseException], tuple[object, ...], dict[str, object]], BaseException],
    tuple[type[BaseException], tuple[object, ...], dict[str, object]],
]
"""What ``__reduce__`` gives."""


def revival(error: BaseException) -> Revival:
    """How ``revived`` makes an equal exception.

    Exception's own ``__reduce__`` calls the class with ``args``, which holds the message only.
    """
    return revived, (type(error), error.args, dict(vars(error)))


def revived(
    kind: type[BaseException], arguments: tuple[object, ...], attributes: dict[str, object]
) -> BaseException:
    """The exception that ``revival`` described."""
    error = kind.__new__(kind)
    error.args = arguments
    vars(error).update(attributes)
    return error


class GearmanError(Exception):
    """The base of everything Geartrain raises.

    The message may quote what a peer said: no terminal or log obeys it, and lines of it stay lines.
    ``code`` is libgearman's number for the same event; ``server`` ("host:port") and ``handle`` ("H:host:1") are
    empty where they are not known.
    """

    code: ClassVar[ReturnCode] = ReturnCode.ERRNO

    def __init__(self, message: str, *, server: str = "", handle: str = "") -> None:
        super().__init__(printable(message, lines=True))
        self.server = server
        self.handle = handle

    def __reduce__(self) -> Revival:
        """Pickle and copy, whatever parameters the class of the error takes."""
        return revival(self)


class ConnectError(GearmanError):
    """A server could not be reached."""

    code = ReturnCode.COULD_NOT_CONNECT


class NoServers(ConnectError):
    """None of the servers could be reached."""

    code = ReturnCode.NO_SERVERS


class ConnectionLost(GearmanError):
    """The link ended before the answer.

    ``submitted`` is True when the server had acknowledged the job, and None when nobody can know.
    """

    code = ReturnCode.LOST_CONNECTION

    def __init__(
        self, message: str, *, server: str = "", handle: str = "", submitted: bool | None = None
    ) -> None:
        super().__init__(message, server=server, handle=handle)
        self.submitted = submitted


class ProtocolError(GearmanError):
    """The peer sent bytes that are not Gearman; the connection ends.

    ``refusal`` is the code of the ERROR packet a server sends before it closes, empty where it closes silently.
    """

    code = ReturnCode.INVALID_PACKET

    def __init__(self, message: str, *, server: str = "", refusal: str = "") -> None:
        super().__init__(message, server=server)
        self.refusal = refusal


class ServerError(GearmanError):
    """The server answered with an ERROR packet: ``error_code`` and ``text`` are its two fields."""

    code = ReturnCode.SERVER_ERROR

    def __init__(self, error_code: str, text: str, *, server: str = "", handle: str = "") -> None:
        super().__init__(f"{error_code}: {text}", server=server, handle=handle)
        self.error_code = error_code
        self.text = text


class QueueFull(ServerError):
    """The job was refused: the function's queue is at its limit, or the server could not keep the job."""

    code = ReturnCode.QUEUE_ERROR


class ArgumentTooLarge(ServerError):
    """An argument is over the server's limit."""

    code = ReturnCode.ARGUMENT_TOO_LARGE


class JobNotFound(ServerError):
    """The server does not know the job."""

    code = ReturnCode.JOB_NOT_FOUND


class UnknownOption(ServerError):
    """The server does not know the option."""

    code = ReturnCode.UNKNOWN_OPTION


class PermissionDenied(ServerError):
    """The server's access rules do not allow it: ``text`` says what, and which right it needs on which function."""


SERVER_ERRORS: dict[str, type[ServerError]] = {
    "QUEUE_ERROR": QueueFull,
    "queue_full": QueueFull,
    "ARGUMENT_TOO_LARGE": ArgumentTooLarge,
    "JOB_NOT_FOUND": JobNotFound,
    "job_not_found": JobNotFound,
    "UNKNOWN_OPTION": UnknownOption,
    "PERMISSION_DENIED": PermissionDenied,
    "unknown_option": UnknownOption,
}
"""ERROR codes on the wire to exception classes; the lower-case ones are sent by gearmand 0.x."""


def server_error(error_code: str, text: str, *, server: str = "", handle: str = "") -> ServerError:
    """The exception for an ERROR packet."""
    kind = SERVER_ERRORS.get(error_code, ServerError)
    return kind(error_code, text, server=server, handle=handle)


class JobFailed(GearmanError):
    """The worker, or the server for it, said WORK_FAIL."""

    code = ReturnCode.WORK_FAIL


class JobException(JobFailed):
    """The worker's function raised: ``payload`` is what the worker sent about it."""

    code = ReturnCode.WORK_EXCEPTION

    def __init__(self, payload: bytes, *, server: str = "", handle: str = "") -> None:
        super().__init__(payload.decode("utf-8", "replace"), server=server, handle=handle)
        self.payload = payload


class ExtensionMissing(GearmanError):
    """The call needs a Geartrain server: the message names what needs it, and the server that is none."""

    code = ReturnCode.UNKNOWN_OPTION


class ResultNotKept(GearmanError):
    """A background job is over, or was never known, and nothing of it is kept."""

    code = ReturnCode.JOB_NOT_FOUND


class JobTimeout(GearmanError, TimeoutError):
    """A deadline passed; the job itself, if there is one, stays queued or goes on.

    ``state`` is "queued", "delayed" or "running" where the server said it within a tenth of a second more, else
    empty. ``workers`` is how many connected workers can do the function; None where the server did not say it.
    """

    code = ReturnCode.TIMEOUT

    def __init__(
        self, message: str, *, server: str = "", handle: str = "", state: str = "", workers: int | None = None
    ) -> None:
        super().__init__(message, server=server, handle=handle)
        self.state = state
        self.workers = workers


class PayloadError(GearmanError):
    """A task cannot send or read a value: the message names the task and what was expected."""

    code = ReturnCode.INVALID_ARGUMENT


class StoreError(GearmanError):
    """A store could not load or commit."""

    code = ReturnCode.QUEUE_ERROR


class EngineLost(StoreError):
    """The engine of a pool could not be reached, or did not keep what it was to keep, for as long as was waited."""


class Fenced(StoreError):
    """The lease of the shard is another server's: what this one would keep is refused, now and later."""


class SettingsError(GearmanError):
    """An option that cannot work: the message names the option, its value and what was expected."""

    code = ReturnCode.INVALID_ARGUMENT


RETRY_TOLD: Final = re.compile(rb"Retry: retry in (\d+(?:\.\d+)?(?:e[+-]\d+)?) s")


LONGEST_RETRY: Final = 100 * 366 * 86400  # seconds
LONGEST_TOLD: Final = 65536  # characters


def described(error: BaseException) -> str:
    """An exception as "Type: message", at most 64 KiB of it, also where its own text cannot be made."""
    kind = type(error).__name__
    try:
        text = f"{kind}: {error}"
    except BaseException as broken:  # it is the function's code that makes the text: it may raise anything
        text = f"{kind}: (its text raised {type(broken).__name__})"
    return text if len(text) <= LONGEST_TOLD else f"{text[:LONGEST_TOLD]}… ({len(text)} characters)"


class JobOutcome(Exception):
    """What a worker's function raises to end its job in a way other than by its result."""

    def __reduce__(self) -> Revival:
        """Pickle and copy, whatever parameters the class takes."""
        return revival(self)


class Fail(JobOutcome):
    """End the job with WORK_FAIL."""


class Retry(JobOutcome):
    """Run the job again, after ``delay`` seconds; raises SettingsError for a delay that no server could keep."""

    def __init__(self, delay: float = 0.0) -> None:
        super().__init__(f"retry in {delay:.10g} s")
        self.delay = delay
        self.check()

    def check(self) -> None:
        """Raise SettingsError where the delay is no number of seconds, or a longer time than jobs wait."""
        if not self.delay <= LONGEST_RETRY:  # not a number is not less, either
            raise SettingsError(f"Retry delay {self.delay!r}: expected at most {LONGEST_RETRY} seconds")

    @staticmethod
    def told(payload: bytes) -> Retry | None:
        """The Retry that a worker told a waiting client of in WORK_EXCEPTION; None for any other exception."""
        match = RETRY_TOLD.fullmatch(payload)
        return Retry(min(float(match[1]), LONGEST_RETRY)) if match else None


class JobCancelled(JobFailed, JobOutcome):
    """The job was cancelled, or taken from its worker at its time limit.

    A worker's function that raises it is heard by nobody: whoever waits for the job knows already.
    """


class Reject(JobOutcome):
    """Give the job back to the server: the worker drops its connection, and the server queues the job again."""
