"""Importing the user's handlers."""

import importlib
import os
import pkgutil
import sys
import sysconfig
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path

from bellhop import forks
from bellhop.errors import BellhopError


class HandlersNotLoaded(BellhopError):
    """A handler module could not be imported; the message names the file and the line."""


_IMPORTING = (
    "<frozen ",
    f"{Path(importlib.__file__).parent}{os.sep}",
    f"{Path(__file__).parent}{os.sep}",
)
_LIBRARIES = tuple(
    f"{sysconfig.get_path(kind)}{os.sep}" for kind in ("stdlib", "platstdlib", "purelib", "platlib")
)


def load_handlers(paths: Sequence[str]) -> list[str]:
    """Import each module or package in `paths`, packages with all their modules, and name them.

    `@on` registers what they hold. A directory of modules is a package, with `__init__.py` or
    without. The current directory is importable, as with `python -m`. Raises `HandlersNotLoaded`.
    """
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    for path in paths:
        _check_place(path, _load(path))
    return list(dict.fromkeys(name for path in paths for name in _load_all(path)))


def _check_place(path: str, module: object) -> None:
    """Refuse a package from elsewhere that hides one of that name in the current directory."""
    here = Path.cwd() / path.replace(".", os.sep)
    file = getattr(module, "__file__", None)
    if file and any(here.glob("*.py")) and Path(file).resolve().parent != here.resolve():
        raise HandlersNotLoaded(
            f"{path} would be loaded from {Path(file).parent}, not from {here}: "
            "put an __init__.py there"
        )


def _load_all(name: str) -> Iterator[str]:
    package = _load(name)
    yield name
    folders = list(getattr(package, "__path__", ()))
    modules = {found.name for found in pkgutil.iter_modules(folders)}
    for module in sorted(modules.union(*map(_folders_of_modules, folders))):
        yield from _load_all(f"{name}.{module}")


def _folders_of_modules(folder: str) -> set[str]:
    """Name the directories with modules in a package's: pkgutil wants an `__init__.py`."""
    return {
        entry.name
        for entry in Path(folder).glob("*/")
        if entry.name.isidentifier() and any(entry.rglob("*.py"))
    }


def _load(name: str) -> object:
    error: BaseException | None = None
    try:
        return _import(name)
    except BaseException as raised:
        error = raised
        raise
    finally:
        if forks.is_child():
            forks.end_child(error, module=name)


def _import(name: str) -> object:
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


def _reason(error: BaseException) -> str:
    """Say what went wrong and where: at the last line that its author, and no library, wrote."""
    what = str(error)
    if not isinstance(error, BellhopError):
        what = f"{type(error).__name__}: {what}".rstrip(": ")
    if isinstance(error, SyntaxError) and error.filename:
        return f"SyntaxError: {error.msg} ({error.filename}, line {error.lineno})"
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith(_IMPORTING)
    ]
    frames = [one for one in frames if not one.filename.startswith(_LIBRARIES)] or frames
    if not frames:
        return what
    return f"{what} ({frames[-1].filename}, line {frames[-1].lineno})"
