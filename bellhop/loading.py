"""Importing the user's handlers."""

import importlib
import importlib.util
import os
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterator, Sequence
from importlib.machinery import ModuleSpec
from itertools import accumulate
from pathlib import Path

from bellhop import forks
from bellhop.discovery import modules_in, passed_over
from bellhop.errors import BellhopError, Terminated
from bellhop.project import add_project, in_project


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


def load_handlers(
    paths: Sequence[str], begin: Callable[[str], None] = lambda _module: None
) -> list[str]:
    """Import each module or package in `paths`, packages with all their modules, and name them.

    `@on` registers what they hold. A directory of modules is a package, with `__init__.py` or
    without. Which of its files are loaded, `bellhop.discovery` knows. `begin` is called with the
    name of each module before it is imported. Raises `HandlersNotLoaded`.
    """
    add_project(paths)
    for path in paths:
        for package in accumulate(path.split(".")[:-1], "{}.{}".format):
            _require_readable(_folder(package))
        _require_own(path)
        _load(path, begin)
    names = (name for path in paths for name in _load_all(path, frozenset(), begin))
    return list(dict.fromkeys(names))


def passed_over_handlers(paths: Sequence[str]) -> list[str]:
    """Return a sentence for each file with handlers that is not loaded, although it lies there."""
    sentences = []
    for path in paths:
        folder = _folder(path)
        sentences += [
            f"{file.relative_to(Path.cwd())} is not loaded, although it calls {decorator}: {why}"
            for file, decorator, why in passed_over(folder)
        ]
        if (beside := folder.with_suffix(".py")).is_file() and folder.is_dir():
            sentences.append(f"{beside.name} is not loaded: the folder {folder.name} is")
    return sentences


def _folder(path: str) -> Path:
    """Return where the modules of an import path are, if it is a package of the project."""
    return Path.cwd().joinpath(*path.split("."))


def _require_readable(folder: Path) -> None:
    """Refuse a folder that this user may not look into: what is in it would not be found."""
    if folder.is_dir() and not os.access(folder, os.R_OK | os.X_OK, effective_ids=True):
        raise HandlersNotLoaded(
            f"cannot load handlers from {folder}: user {os.geteuid()} may not look into it; "
            f"`chmod -R a+rX {folder}` lets every user read it"
        )


def _require_own(path: str) -> None:
    """Refuse a library that has the name of a package in the current directory."""
    name = path.partition(".")[0]
    own = in_project(name)
    if not own:
        return
    loaded = sys.modules.get(name)
    found = loaded.__spec__ if loaded else importlib.util.find_spec(name)
    if found and _place(found) != _place(own):
        raise HandlersNotLoaded(
            f"{name} in {Path.cwd()} has the name of a library ({_place(found)}): give it another, "
            "and set BELLHOP_HANDLERS to that"
        )


def _place(spec: ModuleSpec) -> str:
    folders = list(spec.submodule_search_locations or ())
    place = folders[0] if folders else spec.origin
    return str(Path(place).resolve()) if place else spec.name


def _load_all(name: str, above: frozenset[str], begin: Callable[[str], None]) -> Iterator[str]:
    package = _load(name, begin)
    yield name
    folders = {os.path.realpath(folder) for folder in getattr(package, "__path__", ())}
    if folders & above:
        return  # a link that leads back
    for folder in folders:
        _require_readable(Path(folder))
    for module in modules_in(folders):
        yield from _load_all(f"{name}.{module}", above | folders, begin)


def _load(name: str, begin: Callable[[str], None]) -> object:
    error: BaseException | None = None
    begin(name)
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
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            raise HandlersNotLoaded(
                f"there is no module {name} to load handlers from: run this in the directory that "
                "holds it, or set BELLHOP_HANDLERS"
            ) from error
        raise HandlersNotLoaded(f"cannot load {name}: {_reason(error)}") from error
    except Terminated:
        raise
    except (Exception, SystemExit) as error:
        _refuse_patched_threads(name)  # that may be why
        raise HandlersNotLoaded(f"cannot load {name}: {_reason(error)}") from error
    _refuse_patched_threads(name)
    return module


def _refuse_patched_threads(name: str) -> None:
    """Refuse handlers that replaced Python's threads by green ones: a worker hangs with those."""
    gevent = sys.modules.get("gevent.monkey")
    eventlet = sys.modules.get("eventlet.patcher")
    if gevent and gevent.is_module_patched("threading"):
        what = "gevent.monkey.patch_all() (patch_all(thread=False) can stay)"
    elif eventlet and eventlet.is_monkey_patched("thread"):
        what = "eventlet.monkey_patch()"
    else:
        return
    raise HandlersNotLoaded(
        f"cannot load {name}: it replaces Python's threads, which a worker needs; remove {what}"
    )


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
