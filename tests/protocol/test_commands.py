"""The table of packet types."""

from __future__ import annotations

import re
from pathlib import Path

from geartrain.protocol import commands
from geartrain.protocol.commands import (
    COMMANDS,
    ECHO_REQ,
    EXTENSION,
    JOB_ASSIGN_EXTENDED,
    LAST,
    NAMES,
    SEPARATORS,
    SUBMIT_REDUCE_JOB,
)


def test_the_packet_types_are_1_to_42_in_order() -> None:
    assert [command.number for command in COMMANDS] == list(range(1, 43))
    assert LAST == 42


def test_those_of_the_extension_are_128_and_up() -> None:
    assert [command.number for command in EXTENSION] == list(range(128, 138))


def test_every_packet_type_is_a_constant_of_its_name() -> None:
    assert {name: getattr(commands, name) for name in NAMES.values()} == {
        command.name: command.number for command in COMMANDS + EXTENSION
    }


def test_a_packet_type_is_sent_by_one_side_by_any_or_by_nobody() -> None:
    assert {command.sender for command in COMMANDS} == {"client", "worker", "server", "any", "nobody"}


def test_a_nul_parts_each_argument_from_the_next() -> None:
    assert SEPARATORS[SUBMIT_REDUCE_JOB] == 4
    assert SEPARATORS[ECHO_REQ] == 0
    assert SEPARATORS[JOB_ASSIGN_EXTENDED] == 4
    assert len(SEPARATORS) == 138


def test_the_protocol_document_has_the_same_table() -> None:
    document = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text()
    rows = re.findall(r"^\| (\d+) \| (\w+) \| ([\w, ]*)\| (\w+) \|", document, re.MULTILINE)
    assert [(int(number), name, arguments.strip(), sender) for number, name, arguments, sender in rows] == [
        (command.number, command.name, ", ".join(command.arguments), command.sender)
        for command in COMMANDS + EXTENSION
    ]
