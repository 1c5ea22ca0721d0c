"""What schedules do to a broker: jobs at their ticks, and what a store must know of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from geartrain.broker.accidents import Accident
from geartrain.broker.batch import Batch, Document
from geartrain.broker.broker import Broker
from geartrain.broker.model import Job, number_of
from geartrain.broker.schedule_fields import kept_text, of_kept_text
from geartrain.broker.schedules import FILE, MOST_LOOKS, WIRE, Definition, Schedule, mark_of
from geartrain.broker.shards import is_ours, pass_by
from geartrain.errors import SettingsError

SCHEDULE: Final = "schedule"  # the kinds of documents
TICK: Final = "tick"
MOST_SUBMITS: Final = 200  # of ticks in one turn


# Ticks


def submit_due(broker: Broker) -> None:
    """Submit jobs of ticks that have come: not too many in one turn, and the others in the next ones."""
    schedules = broker.schedules
    schedules.looks = 0
    submitted = 0
    while schedules.looks < MOST_LOOKS and submitted < MOST_SUBMITS:
        schedule = schedules.due(broker.clock)
        if schedule is None:
            return
        submitted += submit_due_of(broker, schedule)


def submit_due_of(broker: Broker, schedule: Schedule) -> int:
    """Submit a schedule's jobs of ticks that have come; how many."""
    ticks: list[float] = []
    try:
        ticks = broker.schedules.take(schedule, broker.clock)
        fire(broker, schedule, ticks)
    except Exception as error:  # whatever it is: others are due as well, and this one would be again
        broker.accidents.append(Accident(f"schedule {schedule.definition.name}", error, None))
        if not ticks:
            broker.schedules.pause(schedule, True)
    return max(len(ticks), 1)


def fire(broker: Broker, schedule: Schedule, ticks: Sequence[float]) -> None:
    """Submit a schedule's jobs of ticks that have come."""
    for tick in ticks:
        if submit(broker, schedule, tick) is None:
            broker.notices.append(
                f"schedule={schedule.definition.name} tick={tick:.0f} left out: the function takes no job now"
            )
            continue
        schedule.last_at = tick
        schedule.fired += 1
    keep_mark(broker, schedule)


def submit(broker: Broker, schedule: Schedule, tick: float) -> Job | None:
    """A schedule's job, new or one that it joins; None where its function takes none.

    The job is in the batch of its tick's mark, and stays with it should the batch fail.
    """
    definition = schedule.definition
    unique = definition.unique or b"%b@%d" % (definition.name.encode(), int(tick))
    job = broker.submit(definition.function, unique, b"", definition.workload, definition.priority, None, 0.0)
    batch = broker.batch
    if batch is not None and job is not None and job.number in batch.added:
        batch.owed[job.number] = None
    return job


def keep_mark(broker: Broker, schedule: Schedule) -> None:
    """Remember how far a schedule has come."""
    name = schedule.definition.name
    mark = schedule.mark()
    broker.schedules.marks[name] = mark
    if broker.batch is not None:
        broker.batch.set(TICK, name, mark.text())


# Having schedules


def configure(broker: Broker, definitions: Sequence[Definition]) -> None:
    """Have the schedules of the file whose functions are ours, rather than those that it had before."""
    definitions = [definition for definition in definitions if is_ours(broker, definition.function)]
    schedules = broker.schedules
    names = {definition.name for definition in definitions}
    for schedule in list(schedules.by_name.values()):
        if schedule.origin == FILE and schedule.definition.name not in names:
            remove(broker, schedule)
    for definition in definitions:
        known = schedules.by_name.get(definition.name)
        if known is not None and known.origin != FILE:
            supersede(broker, definition.name)
        keep_mark(broker, schedules.put(definition, FILE, broker.clock))
    drop_stale_marks(broker)


def supersede(broker: Broker, name: str) -> None:
    """The file has the name of a schedule that was added."""
    broker.notices.append(f"schedule={name} of the file takes the place of one that was added")
    forget(broker, SCHEDULE, name)


def add(broker: Broker, definition: Definition, origin: str) -> Schedule:
    """Have a schedule that no file knows; it outlives the process where there is a store.

    Raises QueueFull where there are too many.
    """
    broker.schedules.check_room(definition)
    schedule = broker.schedules.put(definition, origin, broker.clock)
    if broker.batch is not None:
        broker.batch.set(SCHEDULE, definition.name, kept_text(definition, origin))
    keep_mark(broker, schedule)
    return schedule


def remove(broker: Broker, schedule: Schedule) -> None:
    """Have a schedule no more; jobs that it submitted go on."""
    name = schedule.definition.name
    broker.schedules.remove(schedule)
    drop_mark(broker, name)
    if schedule.origin != FILE:
        forget(broker, SCHEDULE, name)


def pause(broker: Broker, schedule: Schedule, paused: bool) -> None:
    """Let a schedule rest or go on, whatever its definition says."""
    broker.schedules.pause(schedule, paused)
    keep_mark(broker, schedule)


def drop_stale_marks(broker: Broker) -> None:
    """Forget how far schedules had come that are no more: one that comes back has missed nothing."""
    for name in list(broker.schedules.marks):
        if name not in broker.schedules.by_name:
            drop_mark(broker, name)


def drop_mark(broker: Broker, name: str) -> None:
    broker.schedules.marks.pop(name, None)
    forget(broker, TICK, name)


def forget(broker: Broker, kind: str, name: str) -> None:
    """Have the store forget a document."""
    if broker.batch is not None:
        broker.batch.set(kind, name, "")


# What a store kept


def recall(broker: Broker, document: Document) -> None:
    """Have a schedule or a mark that a store kept; one that cannot be read is left aside, and the log says so."""
    try:
        if document.kind == TICK:
            recall_mark(broker, document)
        elif document.kind == SCHEDULE:
            recall_schedule(broker, document)
    except (SettingsError, ValueError, TypeError) as error:
        broker.notices.append(f"{document.kind}={document.name} of the store is left aside: {error}")


def recall_mark(broker: Broker, document: Document) -> None:
    schedules = broker.schedules
    schedules.marks[document.name] = mark_of(document.text)
    known = schedules.by_name.get(document.name)
    if known is not None:
        keep_mark(broker, schedules.put(known.definition, known.origin, broker.clock))


def recall_schedule(broker: Broker, document: Document) -> None:
    schedules = broker.schedules
    if schedules.calendar is None:
        raise SettingsError("nothing reads cron lines here")
    definition, origin = of_kept_text(document.name, document.text, schedules.calendar)
    if origin == WIRE:
        pass_by(broker, number_of(definition.name.encode()))
    if definition.name in schedules.by_name:
        return supersede(broker, definition.name)
    schedules.put(definition, origin, broker.clock)


def unkept(broker: Broker, batch: Batch) -> list[Schedule]:
    """The schedules whose JOB_CREATED waits for a batch that failed."""
    found = []
    for (kind, name), document in batch.documents.items():
        schedule = broker.schedules.by_name.get(name)
        if kind == SCHEDULE and document.text and schedule is not None and schedule.origin == WIRE:
            found.append(schedule)
    return found


def take_back_schedules(broker: Broker, batch: Batch) -> None:
    """End the schedules that a failed batch should have kept, but for those that a later one keeps."""
    for schedule in unkept(broker, batch):
        key = (SCHEDULE, schedule.definition.name)
        if broker.batch is None or key not in broker.batch.documents:
            remove(broker, schedule)
