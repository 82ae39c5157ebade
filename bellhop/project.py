"""The user's project: the current directory, from which handlers and what they need are imported.

It is searched behind the libraries (see `bellhop_launch`). A few names are searched in it first,
since some libraries install packages of these names by mistake: those of the handlers, and those
that a project beside Bellhop is most likely to have.
"""

import sys
from collections.abc import Iterable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

from bellhop.discovery import seems_to_exist

_ROOMS = frozenset({"bench", "receiver", "scripts", "tests", "workers"})

_LIBRARIES = sys.stdlib_module_names | {"cryptography", "seam"}
"""What Bellhop may import later: nothing in the project stands in for it."""


def add_project(handlers: Iterable[str]) -> None:
    """Make the current directory importable, with `handlers` (import paths) found there first."""
    here = Path.cwd()
    if str(here) not in sys.path:
        sys.path.append(str(here))
    names = {path.partition(".")[0] for path in handlers}
    sys.meta_path[:] = [one for one in sys.meta_path if not isinstance(one, _ProjectFirst)]
    sys.meta_path.insert(0, _ProjectFirst(here, frozenset(names - _LIBRARIES)))


def in_project(name: str) -> ModuleSpec | None:
    """Return what the current directory has under the name of a handlers package, if anything."""
    return _folder_of_modules(Path.cwd(), name) or _spec(Path.cwd(), name)


class _ProjectFirst(MetaPathFinder):
    def __init__(self, project: Path, handlers: frozenset[str]) -> None:
        self._project = project
        self._handlers = handlers

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, _target: ModuleType | None = None, /
    ) -> ModuleSpec | None:
        if path is not None:
            return None
        if fullname in self._handlers:
            return _folder_of_modules(self._project, fullname) or _spec(self._project, fullname)
        return _spec(self._project, fullname) if fullname in _ROOMS else None


def _folder_of_modules(project: Path, name: str) -> ModuleSpec | None:
    """A folder of handlers needs no `__init__.py`, and goes before a file of the same name."""
    folder = project / name
    if seems_to_exist(folder / "__init__.py") or not _has_modules(folder):
        return None
    spec = ModuleSpec(name, None, is_package=True)
    spec.submodule_search_locations = [str(folder)]
    return spec


def _spec(project: Path, name: str) -> ModuleSpec | None:
    spec = PathFinder.find_spec(name, [str(project)])
    # Without a loader it is a folder without an __init__.py, perhaps of something else.
    return spec if spec and (spec.loader or _has_modules(project / name)) else None


def _has_modules(folder: Path) -> bool:
    return any(folder.rglob("*.py"))
