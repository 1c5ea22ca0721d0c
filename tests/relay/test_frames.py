"""Frames between servers, and the description of a peer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geartrain.relay.frames import ATTACH, GONE, PACKETS, FrameStream, frame, pack_parts, parts_of
from geartrain.relay.state import PeerState, state_bytes, state_of

frames = st.lists(
    st.tuples(st.integers(0, 255), st.integers(0, 65_535), st.integers(0, 2**32 - 1), st.binary(max_size=40)),
    max_size=8,
)
pairs = st.lists(st.tuples(st.binary(max_size=9), st.binary(max_size=9)), max_size=4)


@given(frames, st.lists(st.integers(1, 30)))
def test_frames_are_the_same_however_they_are_cut(
    sent: list[tuple[int, int, int, bytes]], cuts: list[int]
) -> None:
    stream = FrameStream()
    bytes_sent = b"".join([frame(*parts) for parts in sent])
    received = []
    for cut in cuts:
        received += stream.receive(bytes_sent[:cut])
        bytes_sent = bytes_sent[cut:]
    received += stream.receive(bytes_sent)
    assert received == sent


def test_a_frame_comes_when_its_last_byte_does() -> None:
    stream = FrameStream()
    whole = frame(PACKETS, 3, 7, b"body") + frame(GONE, 0, 0)
    assert stream.receive(whole[:14]) == []
    assert stream.receive(whole[14:15]) == [(PACKETS, 3, 7, b"body")]
    assert stream.receive(whole[15:]) == [(GONE, 0, 0, b"")]


@given(st.lists(st.binary(max_size=40)))
def test_parts_come_back_as_they_were_packed(parts: list[bytes]) -> None:
    assert parts_of(pack_parts(parts)) == parts


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"\0\0\0", "3 bytes where a length of 4 is expected"),
        (b"\0\0\0\x05four", "a part of 5 bytes where 4 are left"),
    ],
)
def test_broken_parts_are_refused(body: bytes, error: str) -> None:
    with pytest.raises(ValueError, match=error):
        parts_of(body)


@given(st.binary(max_size=20), st.binary(max_size=60), pairs, pairs)
def test_a_peer_is_described_completely(
    host: bytes, said: bytes, running: list[tuple[bytes, bytes]], waiting: list[tuple[bytes, bytes]]
) -> None:
    state = PeerState(host, said, running, waiting)
    assert state_of(state_bytes(state)) == state


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (pack_parts([b"host", b"said"]), "a peer's state of 2 parts, 4 are expected"),
        (pack_parts([b"host", b"said", pack_parts([b"handle"]), b""]), "1 parts, an even number is expected"),
    ],
)
def test_a_broken_description_is_refused(body: bytes, error: str) -> None:
    with pytest.raises(ValueError, match=error):
        state_of(body)


def test_a_frame_with_a_state_is_read_back() -> None:
    state = PeerState(b"10.0.0.1", b"said", [(b"H:a:1", b"")], [(b"H:a:2", b"packet")])
    [(kind, shard, number, body)] = FrameStream().receive(frame(ATTACH, 2, 9, state_bytes(state)))
    assert (kind, shard, number, state_of(body)) == (ATTACH, 2, 9, state)
