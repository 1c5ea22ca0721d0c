"""What tasks send: JSON, or bare bytes and text that peers in any language read and write."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from geartrain.errors import PayloadError, SettingsError
from geartrain.protocol.submission import payload
from geartrain.tasks.parameters import Parameters

ENVELOPE: Final = '{"args": [...], "kwargs": {...}} in JSON'
ITEMS: Final = re.compile(r"[\w.]+\[(\w+)[\],]")  # Iterator[bytes], Generator[str, None, None]
SHOWN: Final = 80  # bytes of a bad payload that a message shows


class Value(Protocol):
    """How one value travels. Both methods raise ValueError or TypeError saying what they expected."""

    def encode(self, value: Any) -> bytes:
        """The bytes to send."""
        ...

    def decode(self, content: bytes) -> Any:
        """The value in the bytes that came."""
        ...


class Json:
    """Whatever JSON can say."""

    def encode(self, value: Any) -> bytes:
        """The value in compact JSON."""
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()

    def decode(self, content: bytes) -> Any:
        """The value that the JSON says."""
        return json.loads(content)


class Bytes:
    """Bytes as they are."""

    def encode(self, value: Any) -> bytes:
        """The value itself; text becomes UTF-8."""
        try:
            return payload(value)
        except SettingsError as error:
            raise TypeError(f"expected bytes or str, got {type(value).__name__}") from error

    def decode(self, content: bytes) -> Any:
        """The bytes themselves."""
        return content


class Text(Bytes):
    """Text in UTF-8, without quotes."""

    def decode(self, content: bytes) -> Any:
        """The text."""
        return content.decode()


class Nothing:
    """None, as an empty payload."""

    def encode(self, value: Any) -> bytes:
        """Nothing."""
        if value is not None:
            raise TypeError(f"expected None, got {type(value).__name__}")
        return b""

    def decode(self, content: bytes) -> Any:
        """None, whatever a peer may say."""
        return None


BARE: Final[Mapping[str, Value]] = {"bytes": Bytes(), "str": Text()}
RESULTS: Final[Mapping[str, Value]] = {**BARE, "None": Nothing()}


def written(annotation: object) -> str:
    """An annotation as it stands in the source: never evaluated, because its names need not exist at run time."""
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)


def result_value(parameters: Parameters, raw: bool) -> Value:
    """How a function's result travels: bytes, str and None by their annotation, anything else in JSON."""
    if raw and parameters.returned is inspect.Signature.empty:
        return Bytes()
    return RESULTS.get(written(parameters.returned)) or Json()


def item_value(parameters: Parameters, raw: bool) -> Value:
    """How each item of a stream travels, by the annotation ``Iterator[...]``."""
    if raw and parameters.returned is inspect.Signature.empty:
        return Bytes()
    items = ITEMS.match(written(parameters.returned))
    return (items and BARE.get(items[1])) or Json()


class Arguments(Protocol):
    """How the arguments of a call travel."""

    def encode(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bytes:
        """The workload; raises PayloadError, and TypeError where the function could not be called so."""
        ...

    def decode(self, workload: bytes) -> tuple[Sequence[Any], Mapping[str, Any]]:
        """The arguments in the workload; raises PayloadError."""
        ...


class Envelope:
    """Any arguments, as ``{"args": [...], "kwargs": {...}}`` in JSON; either may be left out."""

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self.json = Json()

    def encode(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bytes:
        """The envelope."""
        self.parameters.bind(args, kwargs)
        try:
            return self.json.encode({"args": args, "kwargs": kwargs})
        except (TypeError, ValueError) as error:
            raise PayloadError(
                f"{self.parameters.task}: its arguments travel in JSON, but {error}"
            ) from error

    def decode(self, workload: bytes) -> tuple[Sequence[Any], Mapping[str, Any]]:
        """What the envelope holds."""
        try:
            envelope = self.json.decode(workload)
        except ValueError as error:
            raise self.unreadable(workload) from error
        if not isinstance(envelope, dict) or not envelope.keys() <= {"args", "kwargs"}:
            raise self.unreadable(workload)
        args, kwargs = envelope.get("args", []), envelope.get("kwargs", {})
        if not isinstance(args, list) or not isinstance(kwargs, dict):
            raise self.unreadable(workload)
        try:
            self.parameters.bind(args, kwargs)
        except TypeError as error:
            raise PayloadError(str(error)) from error
        return args, kwargs

    def unreadable(self, workload: bytes) -> PayloadError:
        """The exception for a workload that is no envelope."""
        return PayloadError(
            f"{self.parameters.task}: expected the workload {ENVELOPE}, got {workload[:SHOWN]!r}"
        )


class Bare:
    """One argument, as it is: the workload that a peer in another language sends anyway."""

    def __init__(self, parameters: Parameters, parameter: inspect.Parameter, value: Value) -> None:
        self.parameters = parameters
        self.parameter = parameter
        self.value = value

    def encode(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bytes:
        """The argument, or its default."""
        argument = self.parameters.bind_all(args, kwargs)[self.parameter.name]
        try:
            return self.value.encode(argument)
        except TypeError as error:
            raise PayloadError(f"{self.parameters.task}: {self.parameter.name}: {error}") from error

    def decode(self, workload: bytes) -> tuple[Sequence[Any], Mapping[str, Any]]:
        """The whole workload as the one argument."""
        try:
            argument = self.value.decode(workload)
        except ValueError as error:
            raise PayloadError(
                f"{self.parameters.task}: expected the workload in UTF-8, got {workload[:SHOWN]!r}"
            ) from error
        if self.parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            return (), {self.parameter.name: argument}
        return (argument,), {}


def arguments_of(parameters: Parameters, raw: bool) -> Arguments:
    """How a task's arguments travel: bare where it has one parameter of bytes or str, or is ``raw``.

    Raises SettingsError where a raw task has another number of parameters.
    """
    single = parameters.single()
    if single is None:
        if raw:
            raise SettingsError(f"task {parameters.task}: raw=True expects one parameter, got {parameters}")
        return Envelope(parameters)
    value = BARE.get(written(single.annotation))
    if value is None:
        return Bare(parameters, single, Bytes()) if raw else Envelope(parameters)
    return Bare(parameters, single, value)
