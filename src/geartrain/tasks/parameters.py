"""The parameters of a task's function: what a caller may pass, whatever the payload looks like."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from geartrain.errors import SettingsError

# Python 3.14 evaluates annotations late: a name that is only imported for type checkers would raise NameError.
UNEVALUATED: Final[Mapping[str, Any]] = (
    {"annotation_format": importlib.import_module("annotationlib").Format.FORWARDREF}
    if sys.version_info >= (3, 14)
    else {}
)
VARIADIC: Final = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class Parameters:
    """The parameters of a function, without the job that ``bind`` puts first.

    ``task`` stands in the messages. Raises SettingsError where ``bind`` is set and the function takes no job.
    """

    def __init__(self, task: str, function: Callable[..., Any], bind: bool) -> None:
        self.task = task
        self.signature = inspect.signature(function, **UNEVALUATED)
        if bind:
            first, *rest = self.signature.parameters.values() or [None]
            if first is None or first.kind in VARIADIC:
                raise SettingsError(
                    f"task {task}: bind=True expects the job as the first parameter, got {self.signature}"
                )
            self.signature = self.signature.replace(parameters=[each for each in rest if each is not None])

    def bind(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> inspect.BoundArguments:
        """The arguments by the names of their parameters; raises TypeError as the function itself would."""
        try:
            return self.signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{self.task}{self}: {error}") from error

    def bind_all(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """The value of every parameter, defaults included; raises TypeError."""
        bound = self.bind(args, kwargs)
        bound.apply_defaults()
        return bound.arguments

    def single(self) -> inspect.Parameter | None:
        """The function's only parameter; None where it has another number of them."""
        parameters = list(self.signature.parameters.values())
        if len(parameters) != 1 or parameters[0].kind in VARIADIC:
            return None
        return parameters[0]

    def __str__(self) -> str:
        """The parameters without their types, for messages: ``(key, width=200)``."""
        bare = [each.replace(annotation=each.empty) for each in self.signature.parameters.values()]
        return str(inspect.Signature(bare))

    @property
    def returned(self) -> object:
        """The annotation of the result, as it is written."""
        return self.signature.return_annotation
