"""What every exception of the tree can do: be pickled and copied, as process pools and job results do."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest

from geartrain import JobHandle, JobStatus, errors


def by_pickle(value: object) -> object:
    return pickle.loads(pickle.dumps(value))


class Refused(errors.ServerError):
    """An application's own, whose parameters are others."""

    def __init__(self, order: int) -> None:
        super().__init__("REFUSED", f"order {order}", server="a:1")
        self.order = order


EXCEPTIONS = [
    errors.GearmanError("away", server="a:1", handle="H:a:1"),
    errors.NoServers("nobody"),
    errors.ConnectionLost("gone", server="a:1", submitted=True),
    errors.ProtocolError("noise", refusal="INVALID_PACKET"),
    errors.QueueFull("QUEUE_ERROR", "full", server="a:1", handle="H:a:1"),
    errors.JobException(b"\xff", server="a:1", handle="H:a:1"),
    errors.JobCancelled("cancelled", handle="H:a:1"),
    errors.JobTimeout("late", handle="H:a:1"),
    errors.Fail("no"),
    errors.Retry(2.5),
    errors.Reject(),
    Refused(7),
]


@pytest.mark.parametrize("again", [by_pickle, copy.copy, copy.deepcopy])
@pytest.mark.parametrize("error", EXCEPTIONS, ids=lambda error: type(error).__name__)
def test_an_exception_is_the_same_after_pickle_and_copy(
    error: Exception, again: Callable[[object], object]
) -> None:
    other = again(error)

    assert type(other) is type(error)
    assert isinstance(other, Exception)
    assert (str(other), other.args, vars(other)) == (str(error), error.args, vars(error))


def test_the_list_above_has_each_way_to_make_an_exception() -> None:
    makers = {
        kind.__init__
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, Exception)
    }
    assert makers - {type(error).__init__ for error in EXCEPTIONS} <= {Exception.__init__}


@pytest.mark.parametrize("again", [by_pickle, copy.copy, copy.deepcopy])
def test_handles_and_statuses_keep_what_they_know_beside_their_value(
    again: Callable[[object], object],
) -> None:
    handle = again(JobHandle("H:a:1", "a:1"))
    status = again(JobStatus(True, False, 1, 2, complete_view=False, waiting=3))

    assert isinstance(handle, JobHandle)
    assert handle.qualified == "a:1//H:a:1"
    assert isinstance(status, JobStatus)
    assert (status, status.complete_view, status.waiting) == ((True, False, 1, 2), False, 3)
