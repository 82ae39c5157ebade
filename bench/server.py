"""The Redis of a run: the embedded one, as `bellhop up` sets it, on a port for everybody."""

import socket
import time
from pathlib import Path

from redis import Redis

from bellhop.embedded import CONFIG
from bellhop.valkey import ValkeyProcess
from bench.processes import cpu_of, free_port, wait_for

DATABASES = 16


class Server:
    """A fresh server with its data in a directory.

    Its append-only file is rewritten between measurements and never during one, so that each begins
    the same, whoever came before.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.port = free_port()

    def start(self) -> None:
        """Start it."""
        self._server = ValkeyProcess(
            self._directory,
            {
                **CONFIG,
                "auto-aof-rewrite-percentage": "0",
                "bind": "127.0.0.1",
                "port": str(self.port),
            },
        )
        self._server.wait_until_ready(lambda: socket.create_connection(("127.0.0.1", self.port)))
        with self.client() as client:
            about = client.info("server")
            self.pid = int(about["process_id"])
            self.version = str(about.get("valkey_version") or about["redis_version"])

    def stop(self) -> None:
        """Stop it."""
        self._server.stop(30)

    def url(self, database: int = 0) -> str:
        """Return how a client reaches a database."""
        return f"redis://127.0.0.1:{self.port}/{database}"

    def client(self, database: int = 0) -> Redis:
        """Return a client of a database."""
        return Redis(port=self.port, db=database)

    def cpu(self) -> float:
        """Return the seconds that it kept a core busy."""
        return cpu_of(self.pid)

    def settle(self) -> None:
        """Rewrite the append-only file, and wait until that is done."""
        with self.client() as client:
            client.bgrewriteaof()
            time.sleep(0.01)
            wait_for(
                lambda: not client.info("persistence")["aof_rewrite_in_progress"],
                "the append-only file is rewritten",
                within=120,
            )

    def memory(self) -> int:
        """Return the bytes that it uses."""
        with self.client() as client:
            return int(client.info("memory")["used_memory"])
