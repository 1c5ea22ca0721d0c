"""Finding an App by its path, "module:app"."""

from __future__ import annotations

import importlib
import os
import sys
import traceback

from geartrain.errors import SettingsError
from geartrain.tasks.app import App


def load(path: str) -> App:
    """Import the App of a path such as "shop.jobs:app"; raises SettingsError, whose message is one line."""
    module_name, _, attribute = path.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # whatever a module may raise
        raise SettingsError(f"cannot import {module_name!r} of {path!r}: {why(error)}") from error
    app = getattr(module, attribute, None)
    if not isinstance(app, App):
        found = "nothing of that name" if app is None else f"a {type(app).__name__}"
        raise SettingsError(f"{path!r}: expected an App, found {found} in {module.__file__}")
    if not app.definitions:
        raise SettingsError(f"{path!r}: expected an App with tasks, found none")
    return app


def why(error: Exception) -> str:
    """An exception and where it was raised, in one line."""
    message = " ".join(f"{type(error).__name__}: {error}".split())
    place = traceback.extract_tb(error.__traceback__)[-1]
    if "importlib" in place.filename:  # there is no module: no place of the application
        return message
    return f"{message} ({place.filename}, line {place.lineno})"
