"""Packets to bytes and bytes to packets: ``request``, ``response`` and ``PacketStream``."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from geartrain.errors import ProtocolError
from geartrain.protocol.commands import LAST, NAMES, OF_JOBS, SEPARATORS

REQUEST: Final = 0x00524551  # b"\0REQ", towards the server
RESPONSE: Final = 0x00524553  # b"\0RES", from the server

HEADER_SIZE: Final = 12
MAGIC_SIZE: Final = 4  # at its beginning
LINE_LIMIT: Final = 8192  # bytes of a text line, its newline included (gearmand's receive buffer)
PAYLOAD_LIMIT: Final = 64 * 1024 * 1024 + 64 * 1024  # a workload of 64 MiB and its arguments

LARGEST_PAYLOAD: Final = 0xFFFFFFFF  # bytes that a header can announce
ANY_NUMBER: Final = 1 << 60  # of bytes
BEGINNING: Final = 256  # bytes of a payload that is too large: longer than any handle

HEADER: Final = struct.Struct(">III")  # magic, packet type, payload length
NUL: Final = b"\0"
TLS_RECORDS: Final = b"\x15\x16"  # what TLS begins with: an alert, or a handshake
NO_ARGUMENTS: Final = [b""]

Peer = TypeVar("Peer")


def request(command: int, *arguments: bytes) -> bytes:
    """The packet a client or a worker sends."""
    payload = NUL.join(arguments)
    return HEADER.pack(REQUEST, command, len(payload)) + payload


def response(command: int, *arguments: bytes) -> bytes:
    """The packet a server sends."""
    payload = NUL.join(arguments)
    return HEADER.pack(RESPONSE, command, len(payload)) + payload


def completed(command: int, arguments: list[bytes]) -> list[bytes]:
    """The arguments of a packet that has too few, with those that are missing at the end as empty ones."""
    return arguments + [b""] * (SEPARATORS[command] + 1 - len(arguments))


class PacketStream(Generic[Peer]):
    """Cut a byte stream into packets and text lines, and call one handler for each.

    ``handlers`` is indexed by packet type: each is called with the peer and the list of arguments, exactly as many
    as ``COMMANDS`` names (at least one, which is empty for a type that has none). However the bytes are cut into
    chunks, the calls are the same.
    """

    def __init__(
        self,
        magic: int,
        handlers: list[Callable[[Peer, list[bytes]], None]],
        misdirected: Callable[[Peer, list[bytes]], None],
        short: Callable[[Peer, int, list[bytes]], None],
        line: Callable[[Peer, bytes], None],
        limit: int = PAYLOAD_LIMIT,
    ) -> None:
        self.magic = magic
        self.handlers = handlers
        self.misdirected = misdirected  # called for a packet with the other direction's magic
        self.short = short  # called for a packet with too few arguments, with its type
        self.line = line  # called with a text line, without its end
        self.limit = limit  # bytes of payload
        # Called for a packet of a job that is over the limit, with the handle and the reason; its bytes are skipped.
        # None: such a packet ends the connection, as any other one does.
        self.too_large: Callable[[Peer, bytes, bytes], None] | None = None
        self.skipping = 0  # bytes to come of a packet that is not taken
        self.extended = False  # the types of the extension may come, too
        self.paused = False  # messages wait until ``resume``
        self.parts: list[bytes] = []  # the beginning of what is not whole yet
        self.missing = 0  # bytes to wait for before the parts are worth a look
        self.whole = 0  # bytes of the packet that the parts are of, where its header is among them

    def receive(self, peer: Peer, chunk: bytes) -> None:
        """Take the next bytes; raise ProtocolError where they are not Gearman."""
        if self.skipping:
            skipped = min(self.skipping, len(chunk))
            self.skipping -= skipped
            chunk = chunk[skipped:]
        if self.parts:
            self.parts.append(chunk)
            self.missing -= len(chunk)
            if self.missing > 0:
                return
            chunk = b"".join(self.parts)
            self.parts = []
            self.whole = 0
        used = self.read(peer, chunk)
        if used < len(chunk) or self.paused:
            self.parts = [chunk[used:]]

    def pause(self) -> None:
        """Called by a handler: keep all that comes behind what it handles."""
        self.paused = True
        self.missing = ANY_NUMBER

    def resume(self) -> None:
        """Let the next ``receive`` take what was kept."""
        self.paused = False
        self.missing = 0

    def held(self) -> int:
        """How many bytes wait for the rest of their packet."""
        return max(0, self.whole - self.missing) if self.parts else 0

    def read(self, peer: Peer, chunk: bytes) -> int:
        """Handle every whole message in ``chunk`` and say how many bytes that used."""
        start = 0
        end = len(chunk)
        handlers = self.handlers
        magic: int  # declared, so that compiled code does not compare them as objects
        command: int
        length: int
        while start < end:
            if chunk[start] != 0:
                after = self.read_line(peer, chunk, start)
                if after == start:
                    return start
                start = after
                if self.paused:
                    return start
                continue
            if end - start < HEADER_SIZE:
                self.check_beginning(chunk[start:])
                # Each further byte of the magic is worth a look: however they are cut, the same must end a connection.
                self.missing = 1 if end - start < MAGIC_SIZE else HEADER_SIZE - (end - start)
                return start
            magic, command, length = HEADER.unpack_from(chunk, start)
            if magic != self.magic or not 0 < command <= LAST or length > self.limit:
                self.check_header(magic, command, length)
                if length > self.limit:
                    after = self.skip(peer, chunk, start, command, length)
                    if after == start:
                        return start
                    start = after
                    continue
            body = start + HEADER_SIZE
            after = body + length
            if after > end:
                self.missing = after - end
                self.whole = after - start
                return start
            start = after
            separators = SEPARATORS[command]
            arguments = chunk[body:after].split(NUL, separators) if length else NO_ARGUMENTS
            if magic != self.magic:
                self.misdirected(peer, arguments)
            elif len(arguments) <= separators:
                self.short(peer, command, arguments)
            else:
                handlers[command](peer, arguments)
            if self.paused:
                return start
        return start

    def read_line(self, peer: Peer, chunk: bytes, start: int) -> int:
        """Handle the text line at ``start`` and say where it ends; ``start`` itself while it is not whole."""
        if chunk[start] in TLS_RECORDS:  # whoever sends it would wait in vain for an answer
            raise ProtocolError("TLS is spoken at one end only")
        stop = chunk.find(b"\n", start, start + LINE_LIMIT)
        if stop >= 0:
            self.line(peer, chunk[start:stop].removesuffix(b"\r"))
            return stop + 1
        if len(chunk) - start >= LINE_LIMIT:
            raise ProtocolError(f"a text line has more than {LINE_LIMIT} bytes")
        self.missing = 1
        return start

    def skip(self, peer: Peer, chunk: bytes, start: int, command: int, length: int) -> int:
        """Refuse a packet of a job and say where it ends; ``start`` itself while its handle may not be whole."""
        body = start + HEADER_SIZE
        beginning = min(length, BEGINNING)
        if len(chunk) - body < beginning:
            self.missing = beginning - (len(chunk) - body)
            return start
        if self.too_large is not None:
            handle = chunk[body : body + beginning].split(NUL, 1)[0]
            self.too_large(peer, handle, over_limit(command, length, self.limit))
        self.skipping = max(0, body + length - len(chunk))
        return min(body + length, len(chunk))

    def check_beginning(self, beginning: bytes) -> None:
        """End a connection that cannot become Gearman any more before its header is whole."""
        if not b"\0REQ".startswith(beginning[:MAGIC_SIZE]) and not b"\0RES".startswith(
            beginning[:MAGIC_SIZE]
        ):
            raise ProtocolError(f"not the magic of a packet: {beginning[:4]!r}")

    def check_header(self, magic: int, command: int, length: int) -> None:
        """Raise what is wrong with a header: neither the other direction's magic nor an agreed extension is."""
        if magic not in (REQUEST, RESPONSE):
            raise ProtocolError(f"not the magic of a packet: {magic:#010x}")
        if command not in NAMES or (command > LAST and not self.extended):
            raise ProtocolError(f"unknown packet type {command}")
        if length > self.limit and not (self.too_large and magic == self.magic and command in OF_JOBS):
            raise ProtocolError(
                over_limit(command, length, self.limit).decode(), refusal="ARGUMENT_TOO_LARGE"
            )


def over_limit(command: int, length: int, limit: int) -> bytes:
    """What whoever waits hears of a packet that is too large."""
    return f"{NAMES[command]} of {length} bytes is over the limit of {limit}".encode()
