"""What `bellhop up` says of its handlers: their table, and whether all is ready, or why not."""

import os
import select
import subprocess
import sys
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException

import click

from bellhop.supervisor import ending

_SLOW = 10.0
_CANNOT_OPEN = ord("!")


class Readiness:
    """Waits, in a thread, for the check of the handlers, a worker and the receiver.

    `check`: the process that prints the table of the handlers. `workers`: a file descriptor from
    which a byte can be read when a worker is ready, and another, `!`, when one could not open its
    lifespan. `host` and `port`: the receiver's. `hint`: what to say when all is ready. `slow`:
    seconds after which it is told that the handlers are not loaded yet.
    """

    def __init__(
        self,
        check: "subprocess.Popen[str]",
        workers: int,
        host: str,
        port: int,
        hint: str,
        *,
        slow: float = _SLOW,
    ) -> None:
        self._check = check
        self._workers = workers
        self._address = host, port
        self._hint = hint
        self._slow = slow
        self._failed = False
        self._over = threading.Event()
        self._checked = threading.Event()
        self._thread = threading.Thread(target=self._tell, name="readiness", daemon=True)

    def start(self) -> None:
        """Begin to wait."""
        self._thread.start()

    def stop(self, code: int) -> None:
        """Tell nothing any more; but if the handlers are why all ends, tell that first."""
        if code == os.EX_CONFIG:
            self._checked.wait(_SLOW)
        self._over.set()
        self._check.terminate()
        self._thread.join(1)

    def _tell(self) -> None:
        table = self._result().rstrip()
        if self._over.is_set():
            return
        if table:
            click.echo(f"{table}\n")
        else:
            code = self._check.returncode
            how = "" if code == os.EX_CONFIG else f" (the import ended with {ending(code)})"
            _not_ready(f"the handlers cannot be loaded{how}; mail waits until that is mended")
        self._checked.set()
        self._until(self._a_worker_is_ready)
        self._until(self._receiver_is_ready)
        if not self._over.is_set():
            click.echo(self._hint)

    def _result(self) -> str:
        """Return what the check printed. If it takes long, say so."""
        try:
            return self._check.communicate(timeout=self._slow)[0]
        except subprocess.TimeoutExpired:
            _not_ready("the handlers are still being imported; mail waits until that is done")
        return self._check.communicate()[0]

    def _until(self, ready: Callable[[], bool]) -> None:
        while not ready() and not self._over.wait(0.1):
            pass

    def _a_worker_is_ready(self) -> bool:
        workers = select.poll()
        workers.register(self._workers, select.POLLIN)
        if not workers.poll(0):
            return False
        if any(byte != _CANNOT_OPEN for byte in os.read(self._workers, 1000)):
            return True
        if not self._failed:
            self._failed = True
            _not_ready("the lifespan failed; mail waits until a worker can open it")
        return False

    def _receiver_is_ready(self) -> bool:
        host, port = self._address
        connection = HTTPConnection(host, port, timeout=2)
        try:
            connection.request("GET", "/health/ready")
            return connection.getresponse().status == HTTPStatus.OK
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()


def _not_ready(why: str) -> None:
    click.secho(f"Not ready: {why}", err=True, fg="red" if sys.stderr.isatty() else None)
