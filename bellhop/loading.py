"""Importing the user's handlers."""

import importlib
import pkgutil
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from bellhop.errors import BellhopError


class HandlersNotLoaded(BellhopError):
    """A handler module could not be imported; the message names the file and the line."""


def load_handlers(paths: Sequence[str]) -> list[str]:
    """Import each module or package in `paths`, packages with all their modules, and name them.

    `@on` registers what they hold. The current directory is importable, as with `python -m`.
    Raises `HandlersNotLoaded`.
    """
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    loaded = []
    for path in paths:
        module = _load(path)
        loaded.append(path)
        if hasattr(module, "__path__"):
            for found in pkgutil.walk_packages(module.__path__, f"{path}.", onerror=_raise):
                _load(found.name)
                loaded.append(found.name)
    return loaded


def _raise(name: str) -> None:
    raise HandlersNotLoaded(f"cannot load {name}: {_reason(sys.exception())}")


def _load(name: str) -> object:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            raise HandlersNotLoaded(
                f"there is no module {name} to load handlers from: run this in the directory that "
                "holds it, or set BELLHOP_HANDLERS"
            ) from error
        raise HandlersNotLoaded(f"cannot load {name}: {_reason(error)}") from error
    except (Exception, SystemExit) as error:
        raise HandlersNotLoaded(f"cannot load {name}: {_reason(error)}") from error


def _reason(error: BaseException | None) -> str:
    """Say what went wrong and where, by the last line that is not the import system's or ours."""
    if error is None:
        return "unknown error"
    what = str(error) if isinstance(error, BellhopError) else f"{type(error).__name__}: {error}"
    if isinstance(error, SyntaxError):
        return f"SyntaxError: {error.msg} ({error.filename}, line {error.lineno})"
    ours = str(Path(__file__).parent)
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith((ours, "<frozen importlib"))
        and "importlib" not in frame.filename
    ]
    if not frames:
        return what
    return f"{what} ({frames[-1].filename}, line {frames[-1].lineno})"
