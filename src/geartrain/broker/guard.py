"""Guard: a session of a peer to whom rules apply. What is refused is answered in its turn; the rest is passed on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from geartrain.broker.access import ADMIN, SUBMIT, VIEW, WORK, Access, Badge, payload_limit
from geartrain.broker.admin import UNKNOWN_JOB, is_cancel, words_of
from geartrain.broker.answers import json_lines, text
from geartrain.broker.arguments import without_nul
from geartrain.broker.broker import Broker
from geartrain.broker.deeds import REFUSED, line_deed, outcome_of, packet_deed
from geartrain.broker.denials import denial, denied, denied_line, is_too_long, line_denial, packet_denial
from geartrain.broker.fate import UNKNOWN, status_fields
from geartrain.broker.model import Job, job_by_handle, number_of
from geartrain.broker.recurring import wire_schedule
from geartrain.broker.rights import FREE, JOB, PACKETS, SCHEDULE, Need, need_of
from geartrain.broker.schedule_verbs import unknown_schedule
from geartrain.broker.session import REQUESTS, Session
from geartrain.broker.tokens import is_token, shown_token
from geartrain.protocol import commands
from geartrain.protocol.commands import CANCEL_RES, NAMES, RESULT_RES, STATUS_RES, STATUS_RES_UNIQUE
from geartrain.protocol.packet import response

Handler = Callable[[Session, list[bytes]], None]

SEES: Final = SUBMIT | VIEW | ADMIN
"""Who has none of these on a function does not hear that there are jobs of it."""


def guard(session: Session, badge: Badge | None) -> None:
    """Let rules apply to a peer from now on, or none any more: abilities that it may not have are taken away."""
    before = session.badge
    session.badge = badge
    session.stream.handlers = REQUESTS if badge is None else GUARDED
    session.stream.line = Session.text if badge is None else guarded_text
    session.broker.lists.judge(session.connection, None if badge is None else badge.access)
    session.stream.limit = payload_limit(badge, session.limit, bool(session.connection.running))
    if badge is None:
        if before is not None:
            give_back(session, before, None)
        return
    take_away(session, badge)
    give_back(session, badge, badge.access)


def take_away(session: Session, badge: Badge) -> None:
    """Withhold the abilities that a worker may not have; what it runs stays with it."""
    connection = session.connection
    for function in list(connection.abilities):
        if badge.access.may(WORK, function.name):
            continue
        if not session.broker.relayed:  # its own server remembers that
            milliseconds = b"%d" % round(function.workers[connection] * 1000)
            badge.withhold(function.name, commands.CAN_DO_TIMEOUT, [function.name, milliseconds])
        session.broker.remove_ability(connection, function)


def give_back(session: Session, badge: Badge, access: Access | None) -> None:
    """Let a worker have the abilities that it may have by now."""
    for name, (command, arguments) in list(badge.withheld.items()):
        if access is None or access.may(WORK, name):
            del badge.withheld[name]
            REQUESTS[command](session, arguments)


class Gate:
    """One type of packet, on its way to its handler."""

    def __init__(self, command: int, handler: Handler) -> None:
        self.command = command
        self.handler = handler
        self.need = PACKETS.get(command, FREE)

    def __call__(self, session: Session, arguments: list[bytes]) -> None:
        badge = session.badge
        # A name that no function can have is refused as what it is, and quoted nowhere.
        if badge is None or not self.need.rights or is_too_long(self.need, arguments):
            return self.handler(session, arguments)
        reason = packet_denial(badge.access, self.command, self.need, arguments)
        if reason:
            return refuse(session, badge, self.command, arguments, reason)
        if self.need.on == JOB:
            return ask_about(session, badge.access, self.command, self.need, arguments)
        self.handler(session, arguments)
        if self.need.changes and not session.broker.relayed:
            outcome = outcome_of(session.connection.outgoing[-1])
            deed = packet_deed(session.connection, self.command, arguments[0], outcome)
            session.broker.deeds.append(deed)


def refuse(session: Session, badge: Badge, command: int, arguments: list[bytes], reason: str) -> None:
    """Answer with an ERROR; a worker that offers a function hears it only if it knows better than to stop."""
    name = without_nul(arguments[0])
    connection = session.connection
    if not session.broker.relayed and badge.is_news(NAMES[command], text(name)):
        session.broker.deeds.append(packet_deed(connection, command, name, REFUSED))
    if command in (commands.CAN_DO, commands.CAN_DO_TIMEOUT):
        connection.worker = True
        if session.broker.relayed:
            return
        badge.withhold(name, command, arguments)
        if not connection.extended:
            return
    connection.send(denied(reason))


# Questions about jobs


def ask_about(session: Session, access: Access, command: int, need: Need, arguments: list[bytes]) -> None:
    """A packet that names a job: who does not see its function hears that there is none."""
    if command == commands.GET_STATUS_UNIQUE:
        return status_by_unique(session, access, arguments)
    broker, connection = session.broker, session.connection
    handle = without_nul(arguments[0])
    name = function_of(broker, handle)
    if name is None or access.may(need.rights, name):
        REQUESTS[command](session, arguments)
    elif command == commands.CANCEL_JOB:
        seen = access.may(SEES, name)
        reason = denial(NAMES[command], need.rights, f"function {text(name)}")
        connection.send(denied(reason) if seen else response(CANCEL_RES, handle, b"unknown"))
    elif command == commands.GET_RESULT:
        connection.send(response(RESULT_RES, handle, *UNKNOWN))
    else:
        connection.send(response(STATUS_RES, handle, *status_fields(None)))
    if need.changes and not broker.relayed:
        outcome = outcome_of(connection.outgoing[-1])
        broker.deeds.append(packet_deed(connection, command, handle, outcome))


def status_by_unique(session: Session, access: Access, arguments: list[bytes]) -> None:
    """GET_STATUS_UNIQUE, among the functions that the peer sees: the running job, else the oldest."""
    unique = without_nul(arguments[0])
    found: Job | None = None
    for function in session.broker.functions.values():
        job = function.uniques.get(unique)
        if job is None or not access.may(SEES, function.name):
            continue
        if found is None or (job.worker is None, job.place) < (found.worker is None, found.place):
            found = job
    waiting = b"%d" % len(found.clients) if found is not None and found.clients else b"0"
    session.connection.send(response(STATUS_RES_UNIQUE, unique, *status_fields(found), waiting))
    session.rest()


def function_of(broker: Broker, handle: bytes) -> bytes | None:
    """The function of whatever has a handle: a job, a dead letter, a result that is kept, a client's schedule."""
    job = job_by_handle(broker.jobs, handle)
    if job is not None:
        return job.function.name
    letter = broker.archive.dead.get(number_of(handle))
    if letter is not None and letter.job.handle == handle:
        return letter.job.function.name
    record = broker.archive.results.get(number_of(handle))
    if record is not None and record.handle == handle:
        return record.function
    schedule = wire_schedule(broker, handle)
    return None if schedule is None else schedule.definition.function


# Text


def guarded_text(session: Session, line: bytes) -> None:
    """A line of text: lists and ``*`` are of what the peer may."""
    badge, broker = session.badge, session.broker
    if badge is None:
        return session.text(line)
    words = words_of(line)
    need = need_of(words)
    access = badge.access
    answer = b""
    reason = line_denial(access, need, words)
    if reason:
        answer = denied_line(reason)
    elif need.on in (JOB, SCHEDULE) and len(words) > need.place:
        answer = hidden(broker, access, need, words)
    if answer:
        session.connection.send(answer)
        deed = line_deed(session.connection, words, REFUSED)
        if outcome_of(answer) == REFUSED and not broker.relayed and badge.is_news(deed.what, deed.on):
            broker.deeds.append(deed)
        return None
    broker.asker = access
    try:
        session.text(line)
    finally:
        broker.asker = None


def hidden(broker: Broker, access: Access, need: Need, words: list[bytes]) -> bytes:
    """The answer to who may not ask so about a job or a schedule; empty where it may, or where there is none."""
    if words[0].lower() == b"cancel" and not is_cancel(words):
        return b""  # it names no job, and will be refused as what it is
    word = words[need.place]
    if need.on == SCHEDULE:
        schedule = broker.schedules.by_name.get(text(word))
        name = None if schedule is None else schedule.definition.function
    else:
        name = function_of(broker, word)
    if name is None or access.may(need.rights, name):
        return b""
    verb = words[0].lower()
    if verb == b"schedule-add" and not access.may(SEES, name):
        return denied_line(denial(text(verb), need.rights, f"the function of schedule {text(word)}"))
    if need.changes and access.may(SEES, name):
        return denied_line(denial(text(verb), need.rights, f"function {text(name)}"))
    if need.on == SCHEDULE:
        return unknown_schedule(words)
    return UNKNOWN_JOB if verb == b"cancel" else json_lines([])


def option_req(session: Session, arguments: list[bytes]) -> None:
    """OPTION_REQ: a token gives the peer what its holder may."""
    badge = session.badge
    if badge is None or not is_token(arguments):
        return session.option_req(arguments)
    answer = shown_token(badge, arguments)
    guard(session, badge)
    session.connection.send(answer)


def cant_do(session: Session, arguments: list[bytes]) -> None:
    """CANT_DO: also for when it would be allowed."""
    if session.badge is not None:
        session.badge.withheld.pop(without_nul(arguments[0]), None)
    session.cant_do(arguments)


def reset_abilities(session: Session, arguments: list[bytes]) -> None:
    """RESET_ABILITIES: also for when they would be allowed."""
    if session.badge is not None:
        session.badge.withheld.clear()
    session.reset_abilities(arguments)


def guarded() -> list[Handler]:
    """The handlers by packet type, each behind its gate."""
    handlers: list[Handler] = [Gate(command, handler) for command, handler in enumerate(REQUESTS)]
    handlers[commands.OPTION_REQ] = option_req
    handlers[commands.CANT_DO] = cant_do
    handlers[commands.RESET_ABILITIES] = reset_abilities
    return handlers


GUARDED: Final = guarded()
