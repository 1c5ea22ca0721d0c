"""Replies: what a peer hears, in the order in which it asked."""

from __future__ import annotations

from collections import deque

from geartrain.broker.deeds import outcome_of
from geartrain.broker.model import Connection
from geartrain.relay.channel import Channel
from geartrain.relay.questions import ANSWERED, GIVEN_UP, OPEN, Question


class Replies:
    """The questions of a peer, until it has heard an answer to each of them."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.questions: deque[Question] = deque()  # the first one is open
        self.last: Question | None = None  # after whose answer the connection ends; None while it goes on

    def settle(self, question: Question, packet: bytes, state: int) -> None:
        """A question has its answer: the peer hears it when it has heard those to the questions before."""
        question.state = state
        if question.deed is not None:
            question.front.hub.deeds.append(question.deed._replace(outcome=outcome_of(packet)))
        questions = self.questions
        if questions[0] is not question:
            question.answers = [packet]
            if state == ANSWERED:
                question.channel.held = question
            return
        questions.popleft()
        self.connection.send(packet)
        if questions and questions[0].state != OPEN:
            self.go_on()

    def go_on(self) -> None:
        """Let the peer hear what has waited for an answer before it."""
        questions = self.questions
        while questions and questions[0].state != OPEN:
            question = questions.popleft()
            for packet in question.answers or ():
                self.connection.send(packet)
            question.answers = None
            if question.channel.held is question:
                question.channel.held = None
            if question is self.last:
                question.front.hub.ended.append(question.front)

    def give_up(self, question: Question) -> None:
        """Answer without a leader."""
        if question.is_grab():
            question.channel.overdue = question
        self.settle(question, question.without_leader(), GIVEN_UP)

    def tell(self, channel: Channel, packet: bytes) -> None:
        """Pass on what answers nothing: the peer hears it behind the answers that its shard gave before."""
        held = channel.held
        if held is None or held.answers is None:
            self.connection.send(packet)
        else:
            held.answers.append(packet)
