"""Options of tasks are checked where they are given; a task is like its function to whoever looks."""

from __future__ import annotations

import asyncio
import copy
import functools
import inspect
import pickle
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from geartrain import App, AsyncClient, Client, Priority, RetryPolicy, SettingsError, Unique, WorkerJob

app = App("127.0.0.1:1")  # nobody is asked


def pay(order: int) -> int:
    """Take the money."""
    return order


class Payer:
    """Something to call that is no function."""

    def __call__(self, order: int) -> int:
        return order


@app.task
async def shout(text: str) -> str:
    return text.upper()


@app.task(bind=True)
def whisper(job: WorkerJob, text: str, times: int = 1) -> str:
    return text * times


@app.stream()
def count(to: int) -> Iterator[int]:
    yield from range(to)


@app.stream()
async def tick(to: int) -> AsyncIterator[int]:
    yield to


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"timout": 5}, "option timout=5: expected one of bind, name, priority, raw, retry, timeout, unique"),
        ({"max_retries": 3}, "option max_retries=3: expected one of"),
        ({"name": ""}, "name '': expected text of 1 to 512 bytes without NUL"),
        ({"name": "ä" * 257}, "expected text of 1 to 512 bytes without NUL"),
        ({"name": "a\0b"}, r"name 'a\\x00b': expected text of 1 to 512 bytes without NUL"),
        ({"name": b"pay"}, "name b'pay': expected text"),
        ({"unique": 5}, "unique 5: expected a template"),
        ({"timeout": "5"}, "timeout '5': expected a number of seconds above 0"),
        ({"timeout": 0}, "timeout 0: expected a number of seconds above 0"),
        ({"timeout": float("nan")}, "timeout nan: expected a number of seconds above 0"),
        ({"timeout": float("inf")}, "timeout inf: expected a number of seconds above 0"),
        ({"timeout": True}, "timeout True: expected a number of seconds above 0"),
        ({"retry": 3}, r"retry 3: expected a RetryPolicy, such as RetryPolicy\(3\)"),
        ({"priority": "high"}, "priority 'high': expected a Priority, such as Priority.HIGH"),
        ({"priority": 7}, "priority 7: expected a Priority"),
        ({"raw": 1}, "raw 1: expected True or False"),
        ({"bind": "yes"}, "bind 'yes': expected True or False"),
    ],
)
@pytest.mark.parametrize("kind", ["task", "stream"])
def test_a_wrong_option_is_refused_with_task_option_value_and_what_was_expected(
    kind: str, options: dict[str, Any], told: str
) -> None:
    if kind == "stream" and "retry" in options:
        told = "retry: a stream cannot be tried again"
    with pytest.raises(SettingsError, match=told) as refused:
        getattr(App("127.0.0.1:1"), kind)(**options)(pay)

    assert "pay" in str(refused.value) or kind == "stream"


@pytest.mark.parametrize("odd", [Payer(), functools.partial(pay, 1)], ids=["object", "partial"])
def test_what_has_no_name_of_its_own_must_be_given_one(odd: Callable[..., Any]) -> None:
    with pytest.raises(SettingsError, match="it has no name of its own, expected name="):
        App("127.0.0.1:1").task(odd)

    assert App("127.0.0.1:1").task(name="pay")(odd).name == "pay"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"priority": "high"}, "priority 'high': expected a Priority"),
        ({"delay": "5"}, "delay '5': expected 0 or more seconds, or a timedelta"),
        ({"delay": -1.0}, "delay -1.0: expected 0 or more seconds"),
        ({"delay": timedelta(seconds=-1)}, "delay .*: expected 0 or more seconds"),
        ({"at": 1764563605}, "at 1764563605: expected a datetime"),
        ({"unique": 5}, "unique 5: expected text, or one of Unique"),
        ({"timeout": float("nan")}, "timeout nan: expected a number of seconds, 0 or more"),
    ],
)
def test_a_wrong_option_of_a_call_is_refused_as_well(options: dict[str, Any], told: str) -> None:
    with pytest.raises(SettingsError, match=f"task whisper: {told}"):
        whisper.options(**options)


def test_right_options_of_a_call_are_taken() -> None:
    options = whisper.options(priority=Priority.HIGH, delay=timedelta(hours=1), timeout=0).call_options

    assert (options.priority, options.delay, options.timeout) == (Priority.HIGH, timedelta(hours=1), 0)
    assert whisper.options(unique=Unique.NONE).call_options.unique is Unique.NONE


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"attempts": "3"}, "attempts '3': expected a whole number, 1..1000000"),
        ({"attempts": True}, "attempts True: expected a whole number, 1..1000000"),
        ({"attempts": 10**9}, "attempts 1000000000: expected a whole number, 1..1000000"),
        ({"attempts": 3, "backoff": float("inf")}, "backoff inf: expected 0 or more seconds"),
        ({"attempts": 3, "max_delay": -1}, "max_delay -1: expected 0 or more seconds"),
        ({"attempts": 3, "jitter": 2}, r"jitter 2: expected 0\.\.1"),
        ({"attempts": 3, "on": OSError}, "expected a tuple of exception classes"),
        ({"attempts": 3, "on": ["x"]}, r"on \['x'\]: expected a tuple of exception classes"),
        ({"attempts": 3, "on": (KeyboardInterrupt,)}, "expected a tuple of exception classes"),
    ],
)
def test_a_wrong_retry_policy_is_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        RetryPolicy(**options)


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"timeout": "5"}, "timeout '5': expected a number of seconds"),
        ({"connect_timeout": float("nan")}, "connect_timeout nan: expected a number of seconds"),
        ({"servers": ("127.0.0.1", 4730)}, "server 4730: expected text such as"),
    ],
)
def test_a_client_refuses_what_it_could_only_stumble_over_later(
    kind: Callable[..., object], options: dict[str, Any], told: str
) -> None:
    with pytest.raises(SettingsError, match=told):
        kind(**options)


def test_inspect_sees_what_kind_of_function_a_task_is() -> None:
    assert inspect.iscoroutinefunction(shout)
    assert asyncio.iscoroutinefunction(shout)
    assert inspect.isasyncgenfunction(tick)
    assert inspect.isgeneratorfunction(count)
    assert not inspect.iscoroutinefunction(whisper)
    assert str(inspect.signature(whisper)) == "(text: 'str', times: 'int' = 1) -> 'str'"  # without the job


def test_a_task_pickles_by_its_name_with_the_options_of_its_calls() -> None:
    hurried = pickle.loads(pickle.dumps(whisper.options(timeout=3)))

    assert hurried.definition is whisper.definition
    assert hurried.call_options.timeout == 3
    assert pickle.loads(pickle.dumps(whisper)).call_options == whisper.call_options


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy])
def test_a_copied_task_is_the_same_task(again: Callable[[Any], Any]) -> None:
    assert again(whisper).definition is whisper.definition
    assert again(whisper).binding is whisper.binding
