"""What ``geartrain worker module:app`` was asked for."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from typing import Final

from geartrain.printable import printable
from geartrain.tls import TLS

LOG_FORMAT: Final = "%(asctime)s %(levelname)s [%(process)d] %(name)s: %(message)s"


@dataclass(frozen=True)
class Plan:
    """How the tasks of an app are run."""

    app: str  # "module:app"
    servers: tuple[str, ...] | None  # None: those of the app
    tls: TLS | None  # how they are spoken to; None: as the app does
    processes: int
    concurrency: int  # jobs at a time in each process
    max_jobs: int | None  # after so many a process is replaced
    max_lifetime: float | None  # seconds after which it is replaced, or a little less
    max_rss: int | None  # bytes of memory beyond which it is replaced
    grace: float  # seconds that running jobs get at the end
    kill_after: float  # seconds that a function gets after its job was taken away
    start_timeout: float  # seconds in which a process has to import the app
    reload: bool  # start anew when a source file changes

    def to_json(self) -> str:
        """The plan as an argument of a process."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """The plan of ``to_json``."""
        fields = json.loads(text)
        servers, tls = fields.pop("servers"), fields.pop("tls")
        return cls(servers=servers and tuple(servers), tls=tls and TLS(**tls), **fields)


def log_to_stderr() -> None:
    """Have log records written, unless the application has seen to that itself."""
    handler = logging.StreamHandler()
    handler.setFormatter(Shown(LOG_FORMAT))
    logging.basicConfig(handlers=[handler], level=logging.INFO)


class Shown(logging.Formatter):
    """Records as lines of which a terminal obeys nothing, whatever a job or a server put into them."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record), lines=True)
