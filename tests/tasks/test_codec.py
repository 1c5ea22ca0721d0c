"""Payloads: what a task's arguments and results are on the wire."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geartrain import PayloadError, SettingsError
from geartrain.tasks.codec import Value, arguments_of, item_value, result_value
from geartrain.tasks.parameters import Parameters

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def resize(key: str, width: int = 200, *, crop: bool = False) -> None: ...


def upper(text: str) -> str:
    return text


def digest(content: bytes) -> bytes:
    return content


def untyped(value): ...  # type: ignore[no-untyped-def]


def anything(*args: object, **kwargs: object) -> object: ...


def sent(function: Callable[..., Any], *args: object, raw: bool = False, **kwargs: object) -> bytes:
    return arguments_of(Parameters("task", function, bind=False), raw).encode(args, kwargs)


def received(function: Callable[..., Any], workload: bytes, raw: bool = False) -> Any:
    return arguments_of(Parameters("task", function, bind=False), raw).decode(workload)


def result(function: Callable[..., Any], raw: bool = False) -> Value:
    return result_value(Parameters("task", function, bind=False), raw)


def test_arguments_travel_in_an_envelope_of_json() -> None:
    assert json.loads(sent(resize, "a.png", crop=True)) == {"args": ["a.png"], "kwargs": {"crop": True}}


@given(st.lists(json_values, max_size=3), st.dictionaries(st.text(), json_values, max_size=3))
def test_an_envelope_gives_back_what_was_put_in(args: list[Any], kwargs: dict[str, Any]) -> None:
    envelope = arguments_of(Parameters("task", anything, bind=False), raw=False)
    assert envelope.decode(envelope.encode(args, kwargs)) == (args, kwargs)


@pytest.mark.parametrize(
    ("workload", "arguments"),
    [(b'{"kwargs": {"key": "a"}}', ([], {"key": "a"})), (b'{"args": ["a", 5]}', (["a", 5], {}))],
)
def test_either_half_of_the_envelope_may_be_left_out(workload: bytes, arguments: Any) -> None:
    assert received(resize, workload) == arguments


@pytest.mark.parametrize(
    "workload", [b"", b"a.png", b'"a.png"', b'{"key": "a"}', b'{"args": "a"}', b'{"args": []', b"\xff"]
)
def test_a_workload_that_is_no_envelope_is_refused_with_what_was_expected(workload: bytes) -> None:
    with pytest.raises(PayloadError, match=r'^task: expected the workload \{"args": ') as caught:
        received(resize, workload)
    assert repr(workload) in str(caught.value)


def test_arguments_that_do_not_fit_are_refused_with_the_signature() -> None:
    with pytest.raises(PayloadError, match=r"^task\(key, width=200, \*, crop=False\): missing.*'key'"):
        received(resize, b"{}")


def test_a_caller_hears_of_wrong_arguments_before_anything_is_sent() -> None:
    with pytest.raises(TypeError, match=r"^task\(key, .*unexpected keyword argument 'height'"):
        sent(resize, "a.png", height=3)
    with pytest.raises(PayloadError, match=r"^task: its arguments travel in JSON, but"):
        sent(resize, {1, 2})
    with pytest.raises(PayloadError, match=r"^task: text: expected bytes or str, got int"):
        sent(upper, 5)


def test_one_parameter_of_text_or_bytes_is_the_whole_workload() -> None:
    assert sent(upper, "Grüße") == "Grüße".encode()
    assert received(upper, "Grüße".encode()) == (("Grüße",), {})
    assert sent(digest, content=b"\0\xff") == b"\0\xff"
    assert received(digest, b"\0\xff") == ((b"\0\xff",), {})


def test_text_that_is_not_utf_8_is_refused() -> None:
    with pytest.raises(PayloadError, match=r"^task: expected the workload in UTF-8, got b'\\xff'"):
        received(upper, b"\xff")


def test_a_raw_task_takes_the_workload_as_bytes() -> None:
    assert sent(untyped, "text", raw=True) == b"text"
    assert received(untyped, b"\xff", raw=True) == ((b"\xff",), {})


def test_a_raw_task_has_one_parameter() -> None:
    with pytest.raises(SettingsError, match=r"^task task: raw=True expects one parameter"):
        sent(resize, "a.png", raw=True)


def test_results_of_bytes_and_text_travel_as_they_are_and_others_in_json() -> None:
    def page() -> dict[str, int]:
        return {}

    assert result(upper).encode("ä") == "ä".encode()
    assert result(upper).decode("ä".encode()) == "ä"
    assert result(digest).decode(b"\xff") == b"\xff"
    assert result(page).encode({"a": 1}) == b'{"a":1}'
    assert result(resize).encode(None) == b""
    assert result(untyped).decode(b"[1]") == [1]
    assert result(untyped, raw=True).decode(b"[1]") == b"[1]"


def test_items_of_a_stream_travel_by_what_the_iterator_holds() -> None:
    def chunks() -> Iterator[bytes]:
        yield b""

    def rows() -> Iterator[dict[str, bytes]]:
        yield {}

    assert item_value(Parameters("task", chunks, bind=False), raw=False).decode(b"1") == b"1"
    assert item_value(Parameters("task", rows, bind=False), raw=False).decode(b"1") == 1
