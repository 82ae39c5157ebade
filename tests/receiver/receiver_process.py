"""The receiver as a process, and a load on it."""

import http.client
import json
import socket
import subprocess
import sys
import threading
from urllib.parse import urlsplit

from bellhop.settings import WEBHOOK_PATH
from tests.conftest import SECRET
from tests.outside import without_settings
from tests.receiver.conftest import Delivery


class Process:
    """`bellhop receiver`, in a process of its own. `files`: how many it may open."""

    def __init__(self, redis_url: str, *arguments: str, files: int | None = None) -> None:
        limit = ["sh", "-c", f'ulimit -n {files} && exec "$@"', "sh"] if files else []
        self.popen = subprocess.Popen(
            [*limit, sys.executable, "-m", "bellhop.cli", "receiver", *arguments],
            env={
                **without_settings(),
                "BELLHOP_REDIS_URL": redis_url,
                "BELLHOP_WEBHOOK_SECRETS": SECRET,
                "BELLHOP_PORT": "0",
            },
            stderr=subprocess.PIPE,
        )
        assert self.popen.stderr
        # Whoever reads that it is ready can connect.
        self.ready = json.loads(self.popen.stderr.readline())
        assert self.ready["message"] == "receiver ready"
        self.port = urlsplit(self.ready["url"]).port or 0

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def refuses_connections(self) -> bool:
        try:
            self.connect().close()
        except ConnectionError:
            return True
        return False

    def end(self) -> None:
        self.popen.kill()
        self.popen.wait()
        assert self.popen.stderr
        self.popen.stderr.close()


class Load:
    """Senders that deliver one event after another until nobody answers."""

    def __init__(self, process: Process, senders: int) -> None:
        self.accepted: list[str] = []
        self.others: list[int] = []
        self._process = process
        self._threads = [threading.Thread(target=self._send) for _ in range(senders)]
        for thread in self._threads:
            thread.start()

    def _send(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._process.port, timeout=30)
        try:
            while True:
                delivery = Delivery()
                connection.request("POST", WEBHOOK_PATH, delivery.body, delivery.headers)
                response = connection.getresponse()
                response.read()
                if response.status == 202:
                    self.accepted.append(delivery.event_id)
                else:
                    self.others.append(response.status)
        except (OSError, http.client.HTTPException):
            pass  # nobody answers any more
        finally:
            connection.close()

    def join(self) -> None:
        """Wait until all have found that nobody answers."""
        for thread in self._threads:
            thread.join()
