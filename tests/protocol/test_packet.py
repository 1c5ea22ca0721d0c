"""Framing: how a byte stream becomes packets and lines."""

from __future__ import annotations

import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from geartrain.errors import ProtocolError
from geartrain.protocol.commands import (
    COMMANDS,
    ECHO_REQ,
    ECHO_RES,
    GET_RESULT,
    GRAB_JOB,
    JOB_ASSIGN_UNIQ,
    NAMES,
    NOOP,
    OF_JOBS,
    OPTION_REQ,
    SEPARATORS,
    SUBMIT_JOB,
    WORK_COMPLETE,
)
from geartrain.protocol.packet import (
    LINE_LIMIT,
    PAYLOAD_LIMIT,
    REQUEST,
    RESPONSE,
    PacketStream,
    request,
    response,
)

Call = tuple[str | int | bytes, ...]


class Listener:
    """Whom the stream calls; it keeps every call."""

    def __init__(self) -> None:
        self.calls: list[Call] = []


def handler(listener: Listener, arguments: list[bytes]) -> None:
    listener.calls.append(("packet", *arguments))


def misdirected(listener: Listener, arguments: list[bytes]) -> None:
    listener.calls.append(("misdirected", *arguments))


def short(listener: Listener, command: int, arguments: list[bytes]) -> None:
    listener.calls.append(("short", command, *arguments))


def line(listener: Listener, text: bytes) -> None:
    listener.calls.append(("line", text))


def stream(magic: int = REQUEST) -> PacketStream[Listener]:
    return PacketStream[Listener](magic, [handler] * len(SEPARATORS), misdirected, short, line)


def calls(*chunks: bytes, magic: int = REQUEST) -> list[Call]:
    """What a stream calls for these chunks."""
    listener = Listener()
    packets = stream(magic)
    for chunk in chunks:
        packets.receive(listener, chunk)
    return listener.calls


def outcome(chunks: list[bytes]) -> tuple[list[Call], bool]:
    """What a stream calls for these chunks, and whether it ends with a ProtocolError."""
    listener = Listener()
    packets = stream()
    try:
        for chunk in chunks:
            packets.receive(listener, chunk)
    except ProtocolError:
        return listener.calls, True
    return listener.calls, False


# Building packets


def test_a_request_is_its_magic_type_and_length_and_its_arguments_parted_by_nuls() -> None:
    packet = request(SUBMIT_JOB, b"resize", b"", b"cat")
    assert packet == b"\0REQ" + struct.pack(">II", 7, 11) + b"resize\0\0cat"


def test_a_response_has_a_magic_of_its_own() -> None:
    assert response(NOOP) == b"\0RES" + struct.pack(">II", 6, 0)


# Splitting packets


def test_the_last_argument_may_hold_nuls() -> None:
    assert calls(request(SUBMIT_JOB, b"f", b"u", b"a\0b\0")) == [("packet", b"f", b"u", b"a\0b\0")]


def test_the_last_argument_may_be_empty() -> None:
    assert calls(request(SUBMIT_JOB, b"f", b"u", b"")) == [("packet", b"f", b"u", b"")]


def test_a_type_without_arguments_gives_one_empty_argument() -> None:
    assert calls(request(GRAB_JOB)) == [("packet", b"")]


def test_a_payload_where_none_is_expected_is_read_away() -> None:
    assert calls(request(GRAB_JOB, b"extra"), request(ECHO_REQ, b"next"))[1:] == [("packet", b"next")]


def test_a_missing_separator_does_not_reach_into_the_next_packet() -> None:
    assert calls(request(WORK_COMPLETE, b"H:test:1") + request(ECHO_REQ, b"next")) == [
        ("short", WORK_COMPLETE, b"H:test:1"),
        ("packet", b"next"),
    ]


def test_a_client_reads_responses_the_same_way() -> None:
    packet = response(JOB_ASSIGN_UNIQ, b"H:test:1", b"f", b"", b"a\0b")
    assert calls(packet, magic=RESPONSE) == [("packet", b"H:test:1", b"f", b"", b"a\0b")]


def test_the_other_directions_magic_is_told_and_the_stream_goes_on() -> None:
    assert calls(response(ECHO_RES, b"a") + request(ECHO_REQ, b"b")) == [
        ("misdirected", b"a"),
        ("packet", b"b"),
    ]


# Text lines


@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
def test_a_line_ends_with_lf_or_cr_lf(ending: bytes) -> None:
    assert calls(b"status" + ending) == [("line", b"status")]


def test_lines_and_packets_mix_on_one_stream() -> None:
    mixed = b"version\n" + request(ECHO_REQ, b"a\nb") + b"\n" + b"status\n"
    assert calls(mixed) == [("line", b"version"), ("packet", b"a\nb"), ("line", b""), ("line", b"status")]


def test_a_line_may_be_as_long_as_the_limit() -> None:
    text = b"x" * (LINE_LIMIT - 1)
    assert calls(text + b"\n") == [("line", text)]


def test_a_longer_line_ends_the_connection_before_its_end_is_seen() -> None:
    with pytest.raises(ProtocolError, match="more than 8192 bytes"):
        calls(b"x" * LINE_LIMIT)


# Chunks

arguments = st.binary(max_size=40)
requests = st.builds(
    lambda command, texts: request(command.number, *texts),
    st.sampled_from(COMMANDS),
    st.lists(arguments, max_size=9),
)
lines = st.builds(
    lambda text, ending: text.replace(b"\n", b" ") + ending,
    st.binary(max_size=40).filter(lambda text: not text.startswith((b"\0", b"\x15", b"\x16"))),
    st.sampled_from([b"\n", b"\r\n"]),
)
conversations = st.lists(
    requests | lines | st.builds(lambda text: response(ECHO_RES, text), arguments), max_size=8
)


def cut(received: bytes, places: list[int]) -> list[bytes]:
    """The bytes in chunks that end at these places (each counts modulo the length)."""
    if not received:
        return []
    ends = sorted({place % len(received) for place in places} | {len(received)})
    return [received[start:end] for start, end in zip([0, *ends], ends, strict=False)]


@given(conversations, st.lists(st.integers(0, 10_000), max_size=12))
def test_however_the_bytes_are_cut_the_calls_are_the_same(messages: list[bytes], places: list[int]) -> None:
    received = b"".join(messages)
    assert calls(*cut(received, places)) == calls(received)


@given(conversations)
def test_byte_by_byte_the_calls_are_the_same(messages: list[bytes]) -> None:
    received = b"".join(messages)
    assert calls(*[received[place : place + 1] for place in range(len(received))]) == calls(received)


@example(b"\0\0", [1])
@given(
    st.binary(max_size=200) | st.binary(max_size=60).map(lambda noise: b"\0REQ\0\0\0" + noise),
    st.lists(st.integers(0, 200), max_size=12),
)
def test_garbage_ends_the_connection_or_waits_for_more_the_same_for_every_cut(
    noise: bytes, places: list[int]
) -> None:
    assert outcome(cut(noise, places)) == outcome([noise])


def test_a_large_workload_is_collected_without_being_copied_on_the_way() -> None:
    piece = bytes(64 * 1024)
    pieces = 1024
    listener = Listener()
    packets = stream()
    packets.receive(listener, struct.pack(">III", REQUEST, ECHO_REQ, pieces * len(piece)))
    for received in range(1, pieces):
        packets.receive(listener, piece)
        assert len(packets.parts) == 1 + received
    # Each part is the very chunk that came: nothing was joined before the last one.
    assert all(part is piece for part in packets.parts[1:])
    packets.receive(listener, piece)
    assert listener.calls == [("packet", bytes(pieces * len(piece)))]
    assert packets.parts == []


# What is not Gearman


def header(magic: bytes, command: int, length: int) -> bytes:
    return magic + struct.pack(">II", command, length)


@pytest.mark.parametrize("beginning", [b"\0X", b"\0REX", b"\0XXX" + bytes(8)])
def test_a_wrong_magic_ends_the_connection_as_soon_as_it_is_seen(beginning: bytes) -> None:
    with pytest.raises(ProtocolError, match="not the magic of a packet") as raised:
        calls(beginning)
    assert raised.value.refusal == ""


@pytest.mark.parametrize("command", [0, 43, 128, 0x80000000, 0xFFFFFFFF])
def test_a_type_that_does_not_exist_ends_the_connection_without_an_answer(command: int) -> None:
    with pytest.raises(ProtocolError, match=f"unknown packet type {command}") as raised:
        calls(header(b"\0REQ", command, 0))
    assert raised.value.refusal == ""


@pytest.mark.parametrize("command", [43, 127, 138])
def test_a_type_that_no_table_has_ends_the_connection_with_the_extension_too(command: int) -> None:
    packets = stream()
    packets.extended = True
    with pytest.raises(ProtocolError, match=f"unknown packet type {command}"):
        packets.receive(Listener(), header(b"\0REQ", command, 0))


def test_the_extension_may_begin_in_the_chunk_that_agrees_on_it() -> None:
    packets, listener = stream(), Listener()

    def agree(listener: Listener, arguments: list[bytes]) -> None:
        packets.extended = True

    packets.handlers[OPTION_REQ] = agree
    packets.receive(listener, request(OPTION_REQ, b"geartrain") + request(GET_RESULT, b"H:1"))
    assert listener.calls == [("packet", b"H:1")]


@pytest.mark.parametrize("length", [PAYLOAD_LIMIT + 1, 0xFFFFFFFF])
def test_an_announced_length_over_the_limit_is_refused_by_its_header_alone(length: int) -> None:
    with pytest.raises(ProtocolError, match=f"SUBMIT_JOB of {length} bytes is over the limit") as raised:
        calls(header(b"\0REQ", SUBMIT_JOB, length))
    assert raised.value.refusal == "ARGUMENT_TOO_LARGE"


def test_an_announced_length_at_the_limit_is_waited_for_without_taking_memory() -> None:
    packets = stream()
    beginning = header(b"\0REQ", SUBMIT_JOB, PAYLOAD_LIMIT)
    packets.receive(Listener(), beginning)
    assert packets.parts == [beginning]
    assert packets.missing == PAYLOAD_LIMIT


def too_large(listener: Listener, handle: bytes, error: bytes) -> None:
    listener.calls.append(("too large", handle, error))


def small_stream() -> PacketStream[Listener]:
    """A stream with a limit of 300 bytes, which fails jobs."""
    packets = stream()
    packets.limit = 300
    packets.too_large = too_large
    return packets


@pytest.mark.parametrize("command", sorted(OF_JOBS), ids=NAMES.get)
@given(
    length=st.integers(301, 2000),
    cuts=st.lists(st.integers(0, 2100), max_size=5),
    handle=st.sampled_from([b"H:1", b""]),
)
def test_a_packet_of_a_job_over_the_limit_is_told_once_and_skipped(
    command: int, length: int, cuts: list[int], handle: bytes
) -> None:
    packets, listener = small_stream(), Listener()
    packets.extended = True
    payload = (handle + b"\0").ljust(length, b"x")
    said = header(b"\0REQ", command, length) + payload + request(ECHO_REQ, b"next")
    start = 0
    for cut in [*sorted(cuts), len(said)]:
        packets.receive(listener, said[start:cut])
        assert sum(map(len, packets.parts)) < 300
        start = max(start, cut)
    error = f"{NAMES[command]} of {length} bytes is over the limit of 300".encode()
    assert listener.calls == [("too large", handle, error), ("packet", b"next")]


def test_of_four_gigabytes_nothing_is_kept() -> None:
    packets, listener = small_stream(), Listener()
    packets.receive(listener, header(b"\0REQ", WORK_COMPLETE, 0xFFFFFFFF) + b"H:1\0" + bytes(1000))
    assert len(listener.calls) == 1
    assert (packets.parts, packets.skipping) == ([], 0xFFFFFFFF - 1004)


@pytest.mark.parametrize("magic", [b"\0RES", b"\0REQ"])
def test_a_packet_that_names_no_job_or_is_no_request_ends_the_connection_as_before(magic: bytes) -> None:
    command = SUBMIT_JOB if magic == b"\0REQ" else WORK_COMPLETE
    with pytest.raises(ProtocolError, match="of 301 bytes is over the limit of 300"):
        small_stream().receive(Listener(), header(magic, command, 301))


def test_what_came_before_the_garbage_is_handled() -> None:
    heard, ended = outcome([request(ECHO_REQ, b"a") + b"\0garbage"])
    assert heard == [("packet", b"a")]
    assert ended


def test_a_line_may_hold_nuls() -> None:
    assert calls(b"ab\0REQ\n") == [("line", b"ab\0REQ")]


@pytest.mark.parametrize("magic", [REQUEST, RESPONSE])
@pytest.mark.parametrize(
    "record", [b"\x16\x03\x01", b"\x15\x03\x03\0\x02\x02F"], ids=["a handshake", "an alert"]
)
def test_tls_ends_the_connection_as_soon_as_it_is_seen(record: bytes, magic: int) -> None:
    for end in range(1, len(record)):
        with pytest.raises(ProtocolError, match="TLS is spoken at one end only"):
            calls(record[:end], magic=magic)
