"""A folder that nobody else can look into: for data, secrets and the socket of `bellhop up`.

What holds it may belong to anybody, as a mounted volume does. The folder itself must be ours, of
mode 0700, and no link: then nobody else has put anything there, and nobody can read what we put.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bellhop.errors import BellhopError


class UnusableFolder(BellhopError):
    """A folder cannot be used, or must not be trusted; the message says why."""


def make_private(folder: Path) -> None:
    """Make a folder, or make it private if it is ours. Raises `UnusableFolder`."""
    with usable(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if stat.S_IMODE(_own(folder).st_mode) & 0o777 != 0o700:
            folder.chmod(0o700)
            if _own(folder).st_mode & 0o077:
                raise UnusableFolder(
                    f"{folder} stays open to other users, since its file system keeps no "
                    "permissions: start in a folder on another one, or set BELLHOP_REDIS_URL"
                )
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK, effective_ids=True):
            raise UnusableFolder(f"{folder} cannot be written to: {_ADVICE}")


def is_private(folder: Path) -> bool:
    """Say whether there is such a folder. Raises `UnusableFolder` if it is not to be trusted."""
    with usable(folder):
        try:
            mode = _own(folder).st_mode
        except (FileNotFoundError, NotADirectoryError):
            return False
        if mode & 0o022:
            raise UnusableFolder(
                f"{folder} can be written to by other users: check what is in it, then "
                f"chmod 700 {folder}"
            )
        return True


def is_own_socket(path: Path) -> bool:
    """Say whether there is such a socket. Raises `UnusableFolder` if somebody else made it."""
    with usable(path):
        try:
            found = path.lstat()
        except FileNotFoundError:
            return False
    if not stat.S_ISSOCK(found.st_mode) or found.st_uid != os.geteuid():
        raise UnusableFolder(f"{path} is not the socket that bellhop up makes: delete it")
    return True


@contextmanager
def usable(path: Path) -> Iterator[None]:
    """Raise what the system says of a path as `UnusableFolder`."""
    try:
        yield
    except FileExistsError:
        raise UnusableFolder(f"{path} exists and is not a folder: move it away") from None
    except OSError as error:
        raise UnusableFolder(
            f"{path} cannot be used ({error.strerror or error}): {_ADVICE}"
        ) from None


_ADVICE = "see that there is space, and that this user may write there, or start in another folder"


def _own(folder: Path) -> os.stat_result:
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise UnusableFolder(f"{folder} exists and is not a folder: move it away")
    if found.st_uid != os.geteuid():
        raise UnusableFolder(
            f"{folder} belongs to another user ({found.st_uid}), and this one is {os.geteuid()}: "
            "run this as that user, or start in another folder"
        )
    return found
