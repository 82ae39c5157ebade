"""Watching the modules of a project: those of the handlers, and whatever they may import."""

from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path

from bellhop.discovery import is_something_else

_MOST_FOLDERS = 1000
"""Each costs the kernel a watch. In a home directory there are more, and those below come first."""


def module_changes(roots: Iterable[Path]) -> Iterator[None]:
    """Yield whenever a module in or below the folders is saved, made or removed.

    Virtual environments, hidden folders and the like are not looked into.
    """
    from watchfiles import Change, watch

    roots = [root.resolve() for root in roots]
    while True:
        for changes in watch(
            *_folders(roots), recursive=False, watch_filter=_matters, raise_interrupt=False
        ):
            new = [Path(path) for change, path in changes if change is Change.added]
            new_folders = [path for path in new if path.is_dir()]
            if any(path.endswith(".py") for _, path in changes) or any(
                any(folder.rglob("*.py")) for folder in new_folders
            ):
                yield
            if new_folders:
                break
        else:
            return


def _matters(_change: object, path: str) -> bool:
    return path.endswith(".py") or (Path(path).is_dir() and not is_something_else(Path(path)))


def _folders(roots: Iterable[Path]) -> list[Path]:
    """Return the folders and those in them, the nearest first."""
    waiting, found = deque(roots), dict[Path, None]()
    while waiting and len(found) < _MOST_FOLDERS:
        folder = waiting.popleft()
        found[folder] = None
        try:
            waiting += [
                entry
                for entry in sorted(folder.iterdir())
                if entry.is_dir() and not entry.is_symlink() and not is_something_else(entry)
            ]
        except OSError:
            continue
    return list(found)
