"""Which files of a package hold handlers, and which lie there for something else."""

import os
import pkgutil
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

_REGISTERS = re.compile(
    rb"^[ \t]*@(?:[\w.]+\.)?(on(?=\s*\()|(?:lifespan|on_dead|on_quarantined)\b)", re.MULTILINE
)
_TESTS = re.compile(r"test_.*|.*_tests?|tests")
"""The names of files; `test.py` may be a first try."""
_SOMETHING_ELSE = frozenset({"node_modules", "site-packages", "__pycache__"})
_OF_A_VIRTUAL_ENVIRONMENT = ("pyvenv.cfg", "conda-meta")


def modules_in(folders: Iterable[str]) -> list[str]:
    """Name the modules and packages in a package's folders that are to be loaded, in order.

    Passed over are tests, programs (`__main__.py`, `setup.py`), names that Python code cannot
    import, and folders of something else: virtual environments, `node_modules`, hidden ones. A
    folder that this user may not look into is named: handlers may be in it.
    """
    places = [Path(folder) for folder in folders]
    names = {
        found.name
        for found in pkgutil.iter_modules(map(str, places))
        if not _why_not(found.name, folder=found.ispkg)
    }
    for place in places:  # pkgutil knows no package without an __init__.py
        names |= {
            entry.name
            for entry in place.glob("*/")
            if not _why_not(entry.name, folder=True)
            and not is_something_else(entry)
            and _may_have_modules(entry)
        }
    of_something_else = {name for name in names if any(is_something_else(p / name) for p in places)}
    return sorted(names - of_something_else)


def _may_have_modules(folder: Path) -> bool:
    unreadable: list[OSError] = []
    for _, _, files in os.walk(folder, onerror=unreadable.append):
        if any(name.endswith(".py") for name in files):
            return True
    return bool(unreadable)


def passed_over(folder: Path) -> Iterator[tuple[Path, str, str]]:
    """Yield the files in a package's folder that register something and are not loaded.

    Each with the decorator that it calls, `@on` or `@lifespan`, and with why it is not loaded.
    """
    yield from _passed_over(folder, "", {folder.resolve()})


def _passed_over(folder: Path, why: str, above: set[Path]) -> Iterator[tuple[Path, str, str]]:
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return
    for entry in entries:
        if entry.is_dir():
            if not is_something_else(entry) and entry.resolve() not in above:
                reason = why or _why_not(entry.name, folder=True)
                yield from _passed_over(entry, reason, above | {entry.resolve()})
        elif entry.suffix == ".py":
            reason = why or _why_not(entry.stem, folder=False)
            if reason and (decorator := _registers(entry)):
                yield entry, decorator, reason


def _why_not(name: str, *, folder: bool) -> str:
    """Say why a module is not loaded, by its name; empty if it is."""
    if folder and name in ("test", "tests"):
        return "a folder of that name holds tests"
    if name == "conftest" or (not folder and _TESTS.fullmatch(name)):
        return "a file of that name holds tests"
    if name in ("__main__", "setup"):
        return "a file of that name is a program"
    if name != "__init__" and not name.isidentifier():
        return "Python cannot import a file of that name: use letters, digits and _"
    return ""


def is_something_else(entry: Path) -> bool:
    """Whether a folder is none of the project's own code."""
    return (
        entry.name in _SOMETHING_ELSE
        or entry.name.startswith(".")
        or any(seems_to_exist(entry / name) for name in _OF_A_VIRTUAL_ENVIRONMENT)
    )


def seems_to_exist(path: Path) -> bool:
    """Say whether there is such a file; if this user may not know, there is none."""
    return os.path.exists(path)  # noqa: PTH110 - Path.exists would raise PermissionError


def _registers(file: Path) -> str:
    """Return the first decorator by which a file registers something, or nothing."""
    try:
        found = _REGISTERS.search(file.read_bytes())
    except OSError:
        return ""
    return f"@{found[1].decode()}" if found else ""
