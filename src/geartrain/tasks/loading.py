"""Finding an App by its path, "module:app"."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from typing import Final

from geartrain.errors import SettingsError, described
from geartrain.printable import printable
from geartrain.tasks.app import App

LONGEST_MESSAGE: Final = 1000  # bytes


class ImportFailed(SettingsError):
    """The application is where it should be, but it could not be imported: another time it may be."""


def load(path: str) -> App:
    """Import the App of a path such as "shop.jobs:app"; raises SettingsError, whose message is one line.

    That is an ImportFailed where the application itself failed, and not who named it.
    """
    module_name, _, attribute = path.partition(":")
    if not module_name or not attribute or module_name.startswith("."):
        raise SettingsError(f"{path!r}: expected module:app")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:  # whatever a module may raise
        kind = SettingsError if is_missing(module_name, error) else ImportFailed
        raise kind(f"cannot import {module_name!r} of {path!r}: {why(error)}") from error
    app = getattr(module, attribute, None)
    if not isinstance(app, App):
        found = "nothing of that name" if app is None else f"a {type(app).__name__}"
        raise SettingsError(f"{path!r}: expected an App, found {found} in {module.__file__}")
    if not app.definitions:
        raise SettingsError(f"{path!r}: expected an App with tasks, found none")
    return app


def is_missing(module: str, error: BaseException) -> bool:
    """Whether there is no module of this name."""
    return isinstance(error, ModuleNotFoundError) and f"{module}.".startswith(f"{error.name}.")


def why(error: BaseException) -> str:
    """An exception and where it was raised, in one line."""
    message = printable(" ".join(described(error).split()), LONGEST_MESSAGE)
    place = traceback.extract_tb(error.__traceback__)[-1]
    if "importlib" in place.filename:  # there is no module: no place of the application
        return message
    return f"{message} ({place.filename}, line {place.lineno})"
