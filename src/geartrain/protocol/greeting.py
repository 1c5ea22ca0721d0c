"""Greeting: how a peer says whose it is, before anything else on a connection, without I/O."""

from __future__ import annotations

from typing import Final

from geartrain.errors import ProtocolError, UnknownOption, server_error
from geartrain.protocol.commands import ERROR, OPTION_REQ, OPTION_RES, TOKEN_OPTION
from geartrain.protocol.packet import HEADER, HEADER_SIZE, NUL, RESPONSE, request

LONGEST: Final = 4096  # bytes of an answer


class Greeting:
    """A token, until the server has answered it."""

    def __init__(self, name: str, token: str) -> None:
        self.name = name  # the server's, for error messages
        self.packet = request(OPTION_REQ, TOKEN_OPTION + token.encode())
        self.heard = b""
        self.done = False

    def receive(self, chunk: bytes) -> None:
        """Take bytes of the server; raises PermissionDenied where the token is none of its, and ProtocolError.

        A server that has no rules, or is none of Geartrain's, does not know the option, and nobody needs a token there.
        """
        self.heard += chunk
        if len(self.heard) < HEADER_SIZE:
            return
        magic, command, length = HEADER.unpack_from(self.heard)
        if magic != RESPONSE or command not in (OPTION_RES, ERROR) or length > LONGEST:
            raise ProtocolError(f"{self.name} sent what is no answer to a token", server=self.name)
        payload = self.heard[HEADER_SIZE:]
        if len(payload) < length:
            return
        self.done = True
        if command == ERROR:
            code, _, text = payload.partition(NUL)
            error = server_error(
                code.decode("utf-8", "replace"), text.decode("utf-8", "replace"), server=self.name
            )
            if not isinstance(error, UnknownOption):
                raise error
