"""A background job that is followed to its end: how far it is, and what came of it."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import Final

from geartrain.cli.output import Bar, progress_bar
from geartrain.cli.secrecy import tls_given
from geartrain.errors import ExtensionMissing, GearmanError, JobCancelled, JobFailed
from geartrain.jobs import JobHandle
from geartrain.protocol.history import JobHistory
from geartrain.protocol.servers import parse_servers
from geartrain.protocol.watching import FROM_NOW
from geartrain.sync.admin import Admin
from geartrain.sync.client import Client

PAUSE: Final = 0.1  # seconds between two questions
PAGE: Final = 1000  # events of one answer
DONE: Final = "completed"
ENDS: Final = (DONE, "failed", "dead", "cancelled", "abandoned")  # kinds of events after which a job is over
REASONS: Final = ("exception", "failed", "dead")  # kinds of events that say why


class End:
    """How a job ended, as far as its server tells."""

    def __init__(self) -> None:
        self.kind = ""  # of its last event; empty where nobody told
        self.reason = ""


class Follower:
    """Watches a function from before a job of it is submitted, so that no end is missed however soon it comes."""

    def __init__(self, servers: tuple[str, ...], function: str) -> None:
        self.cursors: dict[
            str, str
        ] = {}  # by server; gearmand has no events, and who may only submit hears none
        self.function = function
        for server in parse_servers(servers or None, os.environ):
            with suppress(GearmanError), Admin(server.name, tls=tls_given()) as admin:
                self.cursors[server.name] = admin.events(FROM_NOW, function, PAGE).cursor

    def follow(self, client: Client, handle: JobHandle) -> JobHistory | None:
        """Show how far a job is until it is over: its history where that is kept, else None.

        Raises JobFailed or JobCancelled where the job is known to have ended so, and nothing is kept.
        """
        with progress_bar(handle, stays=False) as bar:
            end = self.watch(client, handle, bar)
        kept = kept_of(client, handle)
        if kept is not None and kept.over:
            return kept
        if end.kind == "cancelled":
            raise JobCancelled(f"job {handle} was cancelled", server=handle.server, handle=handle)
        if end.kind not in ("", DONE):
            why = f": {end.reason}" if end.reason else ""
            raise JobFailed(f"job {handle} {end.kind}{why}", server=handle.server, handle=handle)
        return None

    def watch(self, client: Client, handle: JobHandle, bar: Bar) -> End:
        """Show how far a job is until no server knows it."""
        end = End()
        with Admin(handle.server, tls=tls_given()) as admin:
            while (status := client.job_status(handle)).known:
                bar.show(status.numerator, status.denominator)
                self.look(admin, handle, end)
                time.sleep(PAUSE)
            self.look(admin, handle, end)
        return end

    def look(self, admin: Admin, handle: JobHandle, end: End) -> None:
        """See what has happened to the job, where its server tells."""
        cursor = self.cursors.get(handle.server)
        if cursor is None:
            return
        page = admin.events(cursor, self.function, PAGE, handle)
        self.cursors[handle.server] = page.cursor
        for event in page.events:
            kind = str(event["kind"])
            if kind in REASONS:
                end.reason = str(event.get("text") or end.reason or event.get("reason") or "")
            if kind in ENDS:
                end.kind = kind


def kept_of(client: Client, handle: str) -> JobHistory | None:
    """What a server has kept of a job that is over; None where it has nothing, or keeps none."""
    try:
        return client.outcome(handle)
    except ExtensionMissing:
        return None
