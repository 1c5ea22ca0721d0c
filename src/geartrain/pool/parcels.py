"""Parcels: a batch as the arguments of few calls of ``scripts/commit.lua``."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from geartrain.broker.batch import Batch, Document, JobRecord
from geartrain.broker.rows import row_of
from geartrain.pool.node import Argument
from geartrain.pool.records import LENGTH, dead_bytes, document_key, result_bytes

MOST_ARGUMENTS: Final = 2000  # of a call, which is about a millisecond for the engine
MOST_BYTES: Final = 1 << 20

# The sections of the script, in their order.
UNDO, DOCUMENTS, NO_DOCUMENTS, ADDED, CHANGED, BURIED, EXHUMED, ASIDE, OVER, RESULTS, FORGOTTEN = range(11)
SECTIONS: Final = 11


class Parcels:
    """Calls that are filled one after the other. What is put in last is done last."""

    def __init__(self) -> None:
        self.full: list[list[list[Argument]]] = []
        self.sections: list[list[Argument]] = [[] for _ in range(SECTIONS)]
        self.arguments = 0
        self.bytes = 0

    def next(self) -> None:
        """Begin another call."""
        self.full.append(self.sections)
        self.sections = [[] for _ in range(SECTIONS)]
        self.arguments = self.bytes = 0

    def put(self, section: int, *arguments: Argument) -> None:
        """Put something into a section, in another call if this one is full."""
        if self.arguments >= MOST_ARGUMENTS or self.bytes >= MOST_BYTES:
            self.next()
        self.sections[section] += arguments
        self.arguments += len(arguments)
        self.bytes += sum(len(argument) for argument in arguments if isinstance(argument, bytes))

    def put_all(self, section: int, arguments: Iterable[Argument]) -> None:
        """Put in each of many."""
        for argument in arguments:
            self.put(section, argument)

    def put_jobs(self, records: Iterable[JobRecord]) -> None:
        """Put in jobs to be kept. This is where a server with much to do spends its time."""
        pack = LENGTH.pack
        join = b"".join
        added = self.sections[ADDED]
        for record in records:
            if self.arguments >= MOST_ARGUMENTS or self.bytes >= MOST_BYTES:
                self.next()
                added = self.sections[ADDED]
            number, head, workload = row_of(record)
            row = join((pack(len(head)), head, workload or b""))
            added.append(number)
            added.append(row)
            self.arguments += 2
            self.bytes += len(row)

    def calls(self) -> list[list[list[Argument]]]:
        """All of the calls."""
        if self.arguments or not self.full:
            self.next()
        return self.full


def arguments_of(batch: Batch, undo: Iterable[int], token: bytes, milliseconds: int) -> list[list[Argument]]:
    """The arguments of the calls that keep a sealed batch, after ``undo`` of jobs that were added before.

    Documents are in one call with the jobs that belong to them.
    """
    parcels = Parcels()
    parcels.put_all(UNDO, undo)
    owed = [record for record in batch.records if record.number in batch.owed] if batch.owed else []
    put_documents(parcels, batch.documents.values(), owed)
    records = batch.records
    parcels.put_jobs([record for record in records if record.number not in batch.owed] if owed else records)
    for record in batch.changes:
        number, head, _ = row_of(record)
        parcels.put(CHANGED, number, LENGTH.pack(len(head)) + head)
    for number, dead in batch.buried.items():
        parcels.put(BURIED, number, dead_bytes(dead))
    parcels.put_all(EXHUMED, batch.exhumed)
    for result in batch.results:
        parcels.put(RESULTS, result.number, result_bytes(result))
    parcels.put_all(OVER, batch.removed)
    parcels.put_all(FORGOTTEN, batch.forgotten)
    return with_headers(parcels, token, milliseconds, batch.last_number)


def put_documents(parcels: Parcels, documents: Collection[Document], owed: list[JobRecord]) -> None:
    """Put in documents, and the jobs of which they say that they were submitted, into one call."""
    if parcels.arguments and (documents or owed):
        parcels.next()
    sections = parcels.sections
    for kind, name, text in documents:
        if text:
            sections[DOCUMENTS] += (document_key(kind, name), text.encode("utf-8", "surrogateescape"))
        else:
            sections[NO_DOCUMENTS].append(document_key(kind, name))
    for record in owed:
        number, head, workload = row_of(record)
        sections[ADDED] += (number, LENGTH.pack(len(head)) + head + (workload or b""))
    parcels.arguments = sum(map(len, sections))
    parcels.bytes = sum(
        len(argument) for section in sections for argument in section if isinstance(argument, bytes)
    )


def with_headers(parcels: Parcels, token: bytes, milliseconds: int, last_number: int) -> list[list[Argument]]:
    """The calls' arguments, each with its header. How far the numbers have come is in the first."""
    made: list[list[Argument]] = []
    for sections in parcels.calls():
        number: Argument = last_number or b""
        arguments: list[Argument] = [token, milliseconds, b"" if made else number]
        arguments += map(len, sections)
        for section in sections:
            arguments += section
        made.append(arguments)
    return made
