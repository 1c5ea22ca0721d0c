"""Uniques of tasks: made of the arguments, so that equal calls become one job."""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

from geartrain.errors import SettingsError
from geartrain.protocol.submission import UNIQUE_LENGTH, Unique
from geartrain.tasks.parameters import Parameters

UniqueRule = str | Unique | Callable[..., str] | None
"""A template such as "thumb:{key}:{width}", a function of the task's arguments, one of ``Unique``, or nothing."""


class Uniques:
    """Makes the uniques of a task's jobs; raises SettingsError for a template that names no parameter."""

    def __init__(self, parameters: Parameters, rule: UniqueRule) -> None:
        self.parameters = parameters
        self.rule = rule
        if isinstance(rule, str):
            self.check(rule)

    def check(self, template: str) -> None:
        known = self.parameters.signature.parameters
        try:
            fields = [field for _, field, _, _ in string.Formatter().parse(template) if field is not None]
        except ValueError as error:
            raise SettingsError(f"task {self.parameters.task}: unique {template!r}: {error}") from error
        for field in fields:
            name = field.partition(".")[0].partition("[")[0]
            if name not in known:
                raise SettingsError(
                    f"task {self.parameters.task}: unique {template!r} names {name!r}, "
                    f"expected a parameter of {self.parameters}"
                )

    def of(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str | Unique | None:
        """The unique of a call; None where the task has no rule. Raises TypeError for wrong arguments."""
        if isinstance(self.rule, Unique) or self.rule is None:
            return self.rule
        if isinstance(self.rule, str):
            return fitting(self.rule.format_map(self.parameters.bind_all(args, kwargs)))
        return fitting(self.rule(*args, **kwargs))


def fitting(unique: str) -> str:
    """The unique, or a digest where it is too long for some server."""
    content = unique.encode()
    if len(content) <= UNIQUE_LENGTH:
        return unique
    return blake2b(content, digest_size=16).hexdigest()
