"""What a worker's function raised: the end of the job or of the worker, and the line of the log that tells of it."""

from __future__ import annotations

import dis
import functools
import logging
import signal
import threading
import time
import traceback
from types import CodeType, TracebackType
from typing import Final

from geartrain.errors import Fail, GearmanError, JobOutcome, Retry, described
from geartrain.jobs import TAKEN_AWAY
from geartrain.printable import printable
from geartrain.protocol.assignment import Assignment, attempt

ENDING: Final = (
    "SIGINT",
    "SIGTERM",
    "SIGHUP",
    "SIGQUIT",
    "SIGBREAK",
)  # signals by which others end a program
OURS: Final = (
    "geartrain",
    "asyncio",
    "concurrent",
    "contextlib",
    "contextvars",
)  # above the function's own frames
LONGEST_LINE: Final = 1000  # bytes of an exception in a line of the log
LONGEST_TEXT: Final = 20_000  # characters of a traceback
LONGEST_CHAIN: Final = 20  # exceptions, each raised from the next

log: Final = logging.getLogger("geartrain.worker")


def is_from_outside(error: BaseException) -> bool:
    """Whether a signal from outside made a running function raise this, so that the worker is to end."""
    if threading.current_thread() is not threading.main_thread():
        return False
    handlers = [signal.getsignal(getattr(signal, name)) for name in ENDING if hasattr(signal, name)]
    if isinstance(error, KeyboardInterrupt) and signal.default_int_handler in handlers:
        return not is_raised_by_statement(error)
    codes = {code_of(handler) for handler in handlers if callable(handler)}
    return any(frame.f_code in codes for frame, _ in traceback.walk_tb(error.__traceback__))


def is_raised_by_statement(error: BaseException) -> bool:
    """Whether a ``raise`` of the function began it; Python raises a real KeyboardInterrupt between two statements."""
    frames = list(tracebacks(error.__traceback__))
    if not frames or module_of(frames[-1]) == "asyncio.runners":  # that one passes a real one on
        return False
    code, at = frames[-1].tb_frame.f_code.co_code, frames[-1].tb_lasti
    return dis.opname[code[at]] == "RAISE_VARARGS"


def code_of(handler: object) -> CodeType | None:
    """The code that a handler of a signal runs; None where it is not Python's."""
    while isinstance(handler, functools.partial):
        handler = handler.func
    code = getattr(handler, "__code__", None) or getattr(type(handler).__call__, "__code__", None)
    return code if isinstance(code, CodeType) else None


def judged(error: BaseException) -> BaseException:
    """The error that ends a run: a Retry that cannot be kept is a failure, whatever has become of it meanwhile."""
    if not isinstance(error, Retry):
        return error
    try:
        error.check()
    except Exception as impossible:  # a class of the function's own may have left anything for a delay
        return impossible
    return error


def log_failure(job: Assignment, error: BaseException) -> None:
    """Write the one line about a run that did not end with a result; the traceback begins with the function's frame."""
    name, run = name_of(job), run_of(job)
    if job.cancelled:
        log_taken_away(job)
    elif isinstance(error, Retry):
        why = error.__cause__ or error
        log.warning("%s failed in %s, retry in %.1f s: %s", name, run, max(0.0, error.delay), one_line(why))
    elif isinstance(error, Fail):
        log.warning("%s failed in %s: %s", name, run, one_line(error))
    else:
        trace_from_function(error)
        lines = "".join(traceback.format_exception(error)) if error.__traceback__ else ""
        if len(lines) <= LONGEST_TEXT:
            return log.error(
                "%s failed in %s: %s", name, run, one_line(error), exc_info=error if lines else None
            )
        lines = f"{lines[: LONGEST_TEXT // 2]}\n… {len(lines)} characters …\n{lines[-LONGEST_TEXT // 2 :]}"
        log.error("%s failed in %s: %s\n%s", name, run, one_line(error), lines)


def log_taken_away(job: Assignment) -> None:
    """Write the one line about a run whose job was taken away."""
    why = TAKEN_AWAY.get(job.cancelled, job.cancelled)
    log.warning("%s %s: it stopped in %s", name_of(job), why, run_of(job))


def name_of(job: Assignment) -> str:
    """A job as the log names it."""
    return f"job {printable(job.handle)} of {printable(job.function)}"


def run_of(job: Assignment) -> str:
    """Which run of a job it is, and how long it has taken."""
    return f"attempt {attempt(job)} after {time.monotonic() - job.began:.1f} s"


def one_line(error: BaseException) -> str:
    """An exception in one line of the log."""
    return printable(" ".join(described(error).split()), LONGEST_LINE)


def trace_from_function(error: BaseException) -> None:
    """Have the tracebacks of an error begin with the function's frame; an error of ours may have none then."""
    for each in chain_of(error):
        trace = each.__traceback__
        while trace is not None and module_of(trace).partition(".")[0] in OURS:
            trace = trace.tb_next
        if trace is not None or isinstance(
            each, GearmanError | JobOutcome
        ):  # else it is a fault of this library
            each.with_traceback(trace)


def chain_of(error: BaseException) -> list[BaseException]:
    """The error, what it was raised from, and so on, as far as a traceback is of use."""
    chain = [error]
    while len(chain) < LONGEST_CHAIN:
        following = chain[-1].__cause__ or chain[-1].__context__
        if following is None:
            break
        chain.append(following)
    return chain


def module_of(trace: TracebackType) -> str:
    """The name of the module of a traceback's frame."""
    return str(trace.tb_frame.f_globals.get("__name__", ""))


def tracebacks(trace: TracebackType | None) -> list[TracebackType]:
    """A traceback and those within it, the innermost last."""
    found = []
    while trace is not None:
        found.append(trace)
        trace = trace.tb_next
    return found
