"""Guard: a front of a peer to whom rules apply.

What names a function is refused here, so that a leader does not hear of it. What names a job or a schedule, and what
lists, is for the leader to decide, who is told what the peer may do: see ``broker/guard.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from geartrain.broker.access import WORK, Badge, payload_limit
from geartrain.broker.admin import words_of
from geartrain.broker.answers import text
from geartrain.broker.arguments import without_nul
from geartrain.broker.deeds import REFUSED, line_deed, packet_deed
from geartrain.broker.denials import denied, denied_line, is_too_long, line_denial, packet_denial
from geartrain.broker.rights import FREE, PACKETS, need_of
from geartrain.broker.tokens import is_token, shown_token
from geartrain.protocol import commands
from geartrain.protocol.commands import NAMES
from geartrain.relay.asking import text_line
from geartrain.relay.attachment import access_said
from geartrain.relay.frames import ACCESS
from geartrain.relay.front import REQUESTS, Front
from geartrain.relay.questions import OPEN

Handler = Callable[[Front, list[bytes]], None]


def guard(front: Front, badge: Badge | None) -> None:
    """Let rules apply to a peer from now on, or none any more: abilities that it may not have are taken away."""
    before = front.badge
    front.badge = badge
    front.stream.handlers = REQUESTS if badge is None else GUARDED
    front.stream.line = text_line if badge is None else guarded_text
    front.stream.limit = payload_limit(badge, front.hub.payload_limit, bool(front.working))
    if badge is not None:
        take_away(front, badge)
    if badge is not None or before is not None:
        front.tell_leaders(ACCESS, access_said(front))
    known = badge or before
    if known is not None:
        give_back(front, known, badge is None)


def take_away(front: Front, badge: Badge) -> None:
    """Withhold the abilities that a worker may not have; what it runs stays with it."""
    for channel in list(front.working):
        for name, (command, arguments) in channel.offers():
            if not badge.access.may(WORK, name):
                badge.withhold(name, command, arguments)
                front.cant_do([name])


def give_back(front: Front, badge: Badge, freely: bool) -> None:
    """Let a worker have the abilities that it may have by now."""
    for name, (command, arguments) in list(badge.withheld.items()):
        if freely or badge.access.may(WORK, name):
            del badge.withheld[name]
            REQUESTS[command](front, arguments)
    front.flush()


class Gate:
    """One type of packet, on its way to its handler."""

    def __init__(self, command: int, handler: Handler) -> None:
        self.command = command
        self.handler = handler
        self.need = PACKETS.get(command, FREE)

    def __call__(self, front: Front, arguments: list[bytes]) -> None:
        badge = front.badge
        # A name that no function can have is refused as what it is, and quoted nowhere.
        if badge is None or not self.need.rights or is_too_long(self.need, arguments):
            return self.handler(front, arguments)
        reason = packet_denial(badge.access, self.command, self.need, arguments)
        if reason:
            return refuse(front, badge, self.command, arguments, reason)
        asked = len(front.replies.questions)
        self.handler(front, arguments)
        if self.need.changes and len(front.replies.questions) > asked:
            question = front.replies.questions[-1]
            if question.state == OPEN:
                name = without_nul(arguments[0])
                question.deed = packet_deed(front.connection, self.command, name, "")


def refuse(front: Front, badge: Badge, command: int, arguments: list[bytes], reason: str) -> None:
    """Answer with an ERROR; a worker that offers a function hears it only if it knows better than to stop."""
    name = without_nul(arguments[0])
    if badge.is_news(NAMES[command], text(name)):
        front.hub.deeds.append(packet_deed(front.connection, command, name, REFUSED))
    if command in (commands.CAN_DO, commands.CAN_DO_TIMEOUT):
        front.connection.worker = True
        badge.withhold(name, command, arguments)
        if not front.connection.extended:
            return
    front.answer(denied(reason))


def guarded_text(front: Front, line: bytes) -> None:
    """A line of text."""
    badge = front.badge
    if badge is None:
        return text_line(front, line)
    words = words_of(line)
    reason = line_denial(badge.access, need_of(words), words)
    if not reason:
        return text_line(front, line)
    deed = line_deed(front.connection, words, REFUSED)
    if badge.is_news(deed.what, deed.on):
        front.hub.deeds.append(deed)
    front.answer(denied_line(reason))


def option_req(front: Front, arguments: list[bytes]) -> None:
    """OPTION_REQ: a token gives the peer what its holder may."""
    badge = front.badge
    if badge is None or not is_token(arguments):
        return front.option_req(arguments)
    answer = shown_token(badge, arguments)
    guard(front, badge)
    front.answer(answer)


def cant_do(front: Front, arguments: list[bytes]) -> None:
    """CANT_DO: also for when it would be allowed."""
    if front.badge is not None:
        front.badge.withheld.pop(without_nul(arguments[0]), None)
    front.cant_do(arguments)


def reset_abilities(front: Front, arguments: list[bytes]) -> None:
    """RESET_ABILITIES: also for when they would be allowed."""
    if front.badge is not None:
        front.badge.withheld.clear()
    front.reset_abilities(arguments)


def guarded() -> list[Handler]:
    """The handlers by packet type, each behind its gate."""
    handlers: list[Handler] = [Gate(command, handler) for command, handler in enumerate(REQUESTS)]
    handlers[commands.OPTION_REQ] = option_req
    handlers[commands.CANT_DO] = cant_do
    handlers[commands.RESET_ABILITIES] = reset_abilities
    return handlers


GUARDED: Final = guarded()
