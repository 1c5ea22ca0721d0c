"""The log: one event a line, as logfmt or JSON, with gearmand's levels.

A record's fields are its ``extra``: ``log.info("peer ended", extra={"host": "127.0.0.1"})``.
"""

from __future__ import annotations

import json
import logging
import logging.handlers
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, Final

from geartrain.errors import SettingsError
from geartrain.printable import printable
from geartrain.server.settings import LEVELS, Settings

NOTICE: Final = 25
AUDIT: Final = "geartrain.audit"  # the logger of the audit log
NUMBERS: Final = dict(zip(LEVELS, (60, 55, 50, 40, 30, NOTICE, 20, 10), strict=True))
"""gearmand's levels as numbers of the logging module, which has some of them under the same names."""

SYSLOG_SOCKET: Final = "/dev/log"
SYSLOG_NAMES: Final = {
    "FATAL": "emerg",
    "ALERT": "alert",
    "CRITICAL": "critical",
    "ERROR": "error",
    "WARNING": "warning",
    "NOTICE": "notice",
    "INFO": "info",
    "DEBUG": "debug",
}

STANDARD_FIELDS: Final = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime"}


def open_log(settings: Settings) -> logging.Logger:
    """The server's logger, writing to where the settings say; what asyncio logs goes there too.

    Raises SettingsError when the file or syslog cannot be opened.
    """
    for name, value in NUMBERS.items():
        logging.addLevelName(value, name)
    root = logging.getLogger()
    root.setLevel(NUMBERS[settings.verbose])
    root.handlers = handlers(settings)
    if settings.audit_log:
        audit = logging.getLogger(AUDIT)
        audit.handlers = [open_audit(settings)]
        audit.propagate = False
        audit.setLevel(NOTICE)
    return logging.getLogger("geartrain")


def handlers(settings: Settings) -> list[logging.Handler]:
    chosen: list[logging.Handler] = []
    if settings.log_file != "none":
        handler = open_file(settings.log_file)
        handler.setFormatter(formatter(settings))
        chosen.append(handler)
    if settings.syslog:
        chosen.append(open_syslog())
    return chosen or [logging.NullHandler()]


def open_audit(settings: Settings) -> logging.Handler:
    handler = open_file(settings.audit_log, "--audit-log")
    handler.setFormatter(formatter(settings))
    return handler


def formatter(settings: Settings) -> logging.Formatter:
    return JSONLines() if settings.log_format == "json" else Logfmt()


def open_file(path: str, option: str = "--log-file") -> logging.Handler:
    if path == "stderr":
        return logging.StreamHandler(sys.stderr)
    try:
        return LogFile(Path(path).absolute(), encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"cannot write the log to {path}: {error.strerror}") from None


def open_syslog() -> logging.Handler:
    try:
        return Syslog(SYSLOG_SOCKET, logging.handlers.SysLogHandler.LOG_USER)
    except OSError as error:
        raise SettingsError(f"cannot log to syslog at {SYSLOG_SOCKET}: {error.strerror}") from None


def reopen_log() -> None:
    """Open the log's files anew, by their names: the old ones were renamed, to be kept or packed."""
    for handler in [*logging.getLogger().handlers, *logging.getLogger(AUDIT).handlers]:
        if isinstance(handler, LogFile):
            handler.reopen()


class LogFile(logging.FileHandler):
    """A log file that can be opened anew."""

    def reopen(self) -> None:
        """Go on with the file of that name; with the old one when that cannot be opened."""
        try:
            stream = self._open()
        except OSError as error:
            logging.getLogger("geartrain").error(
                "the log cannot be opened anew", extra={"file": self.baseFilename, "error": error.strerror}
            )
            return
        old = self.setStream(stream)
        if old is not None:
            old.close()


class Syslog(logging.handlers.SysLogHandler):
    """Syslog, with gearmand's levels; it stamps the time itself."""

    ident = "geartrain: "
    priority_map: ClassVar = SYSLOG_NAMES

    def format(self, record: logging.LogRecord) -> str:
        return logfmt({"message": record.getMessage(), **fields_of(record)})


class Logfmt(logging.Formatter):
    """``time=… level=NOTICE message="listening" address=127.0.0.1:4730``"""

    def format(self, record: logging.LogRecord) -> str:
        return logfmt(event(record))


class JSONLines(logging.Formatter):
    """The same fields as a JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(event(record), default=str).replace("\x7f", "\\u007f")


def event(record: logging.LogRecord) -> dict[str, object]:
    """What a record says: when, how important, what, and its fields."""
    when = datetime.fromtimestamp(record.created, UTC)
    return {
        "time": when.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": record.levelname,
        "message": record.getMessage(),
        **fields_of(record),
    }


def fields_of(record: logging.LogRecord) -> dict[str, object]:
    given = {name: value for name, value in vars(record).items() if name not in STANDARD_FIELDS}
    if record.exc_info:
        given["error"] = logging.Formatter().formatException(record.exc_info)
    return given


def logfmt(event: dict[str, object]) -> str:
    return " ".join(f"{name}={quoted(str(value))}" for name, value in event.items())


def quoted(value: str) -> str:
    """A value as logfmt has it: quoted when it is empty, or has blanks, quotes or equal signs in it.

    What no reader would see as it is, is escaped.
    """
    if value and printable(value) == value and not any(mark in value for mark in ' "='):
        return value
    return printable(json.dumps(value, ensure_ascii=False))
