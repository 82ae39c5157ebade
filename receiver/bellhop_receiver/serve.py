"""Running the receiver under uvicorn."""

import gc
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import uvicorn

from bellhop.errors import BellhopError, WrongVersion
from bellhop.events.catalogue import build_validators
from bellhop.logs import get_logger
from bellhop.processes import StopSignals, end_with_parent, forked
from bellhop.settings import Settings
from bellhop.supervisor import Supervisor
from bellhop_receiver.app import create_app
from bellhop_receiver.capacity import Capacity, backlog
from bellhop_receiver.door import PATIENCE, Door
from bellhop_receiver.refusals import PAUSE, Refusals

_LONGEST_REQUEST = 15
"""Seconds that requests under way have to finish at most: the sender waits no longer."""

_TO_END = 0.5
"""Seconds before the end of the grace period that processes which are still there are killed."""

_MOST_FILES = 65_536

_log = get_logger("receiver")


class CannotListen(BellhopError):
    """The address is taken, or not ours."""


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket. Raises `CannotListen`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except (OSError, UnicodeError) as error:  # UnicodeError: a name that can be no host's
        sock.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise CannotListen(
            f"cannot listen on {host} port {port}: {reason}; "
            "choose others with --host and --port, or BELLHOP_HOST and BELLHOP_PORT"
        ) from error
    sock.set_inheritable(True)
    return sock


class _Server(uvicorn.Server):
    """One that a second signal ends at once, whichever it is, and that sees files run out."""

    def __init__(self, config: uvicorn.Config, signals: StopSignals, capacity: Capacity) -> None:
        super().__init__(config)
        self._signals = signals
        self._capacity = capacity
        self.refused: WrongVersion | None = None
        """Why it ends by itself: the ledger is of another version."""

    def end(self, error: WrongVersion) -> None:
        """Answer what was taken, and end: nothing can be accepted any more."""
        if self.refused is None:
            _log.critical("ending the receiver", error=str(error))
        self.refused = error
        self.should_exit = True

    async def on_tick(self, counter: int) -> bool:
        """Look after the files once in a second: it is called ten times."""
        if counter % 10 == 0:
            connections: Any = self.server_state.connections
            self._capacity.check(connections)
        return await super().on_tick(counter)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Answer what was taken, and end."""
        if self._signals.came() > 1:
            signal.signal(sig, signal.SIG_DFL)
            signal.raise_signal(sig)
        super().handle_exit(sig, frame)


def make_server(
    settings: Settings,
    redis_url: str,
    *,
    patience: float = PATIENCE,
    pause: float = PAUSE,
    signals: StopSignals | None = None,
) -> "_Server":
    """Return the receiver's app in its server, not yet running.

    `patience`: seconds for a request to arrive; `pause`: seconds between two lines that tell how
    many were refused.
    """
    refusals = Refusals(pause)
    capacity = Capacity(Refusals(pause, of="connection"))

    class OurDoor(Door):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(
                *args,
                **kwargs,
                refusals=refusals,
                capacity=capacity,
                webhook_path=settings.webhook_path,
                patience=patience,
            )

    config = uvicorn.Config(
        create_app(
            settings, redis_url, refusals, capacity.refusals, end=lambda error: server.end(error)
        ),
        http=OurDoor,
        backlog=backlog(),
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=min(_LONGEST_REQUEST, int(settings.grace.total_seconds()) - 1),
        timeout_keep_alive=75,
        lifespan="on",
        ws="none",
    )
    server = _Server(config, signals or StopSignals(), capacity)
    return server


def _allow_many_connections() -> None:
    """Raise the limit of open files as far as we may: connections that idle count, too.

    Shells and service managers start programs with 1,024, for the sake of those that use select().
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def run_receiver(settings: Settings, redis_url: str, sock: socket.socket | None = None) -> int:
    """Serve until a signal; return the exit code. What was accepted by then is answered."""
    _allow_many_connections()
    sock = sock or bind(settings.host, settings.port)
    if settings.processes > 1:
        return _serve_together(settings, redis_url, sock)
    end_with_parent()
    _serve(settings, redis_url, sock, StopSignals(), ready=lambda: _tell_ready(settings, sock))
    return 0


def _serve(
    settings: Settings,
    redis_url: str,
    sock: socket.socket,
    signals: StopSignals,
    ready: Callable[[], None] = lambda: None,
) -> None:
    server = make_server(settings, redis_url, signals=signals)
    # It listens to signals only while it runs, and raises them again when it has finished.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: setattr(server, "should_exit", True))
    build_validators()
    sock.listen(backlog())  # so that whoever is told that we are ready can connect
    ready()
    # What is there now stays: the garbage collector need not look at it again and again.
    gc.collect()
    gc.freeze()
    server.run(sockets=[sock])
    if server.refused:
        sys.exit(os.EX_CONFIG)


def _serve_together(settings: Settings, redis_url: str, sock: socket.socket) -> int:
    """Serve in several processes, which are replaced when they die.

    All take connections from one queue, which is this process's, too. So each goes to whoever is
    free to take it, and one that nobody has taken yet outlives any of them. (With a queue for each,
    as `SO_REUSEPORT` makes them, those behind a busy or a dead process would have to wait for it.)
    """
    build_validators()
    gc.freeze()  # what is there now stays shared between the processes
    sock.listen(backlog())
    supervisor = Supervisor(
        grace=settings.grace.total_seconds() - _TO_END,
        on_stop=sock.close,  # else the queue would be open until the last of them has finished
    )
    for _ in range(settings.processes):
        supervisor.add("receiver", lambda name: _Receiver(settings, redis_url, sock, name))
    _tell_ready(settings, sock, processes=settings.processes)
    return supervisor.run()


class _Receiver:
    """One of several processes. It takes a signal and its parent's for one, whichever is late."""

    def __init__(self, settings: Settings, redis_url: str, sock: socket.socket, name: str) -> None:
        self._signals = StopSignals()
        serve = forked(lambda _name: _serve(settings, redis_url, sock, self._signals))
        self._process = serve(name)
        self.pid = self._process.pid

    def poll(self) -> int | None:
        return self._process.poll()

    def terminate(self) -> None:
        self._signals.pass_on()
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()


def _tell_ready(settings: Settings, sock: socket.socket, **more: int) -> None:
    host, port = sock.getsockname()[:2]
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    url = f"http://{address}{settings.webhook_path}"
    _log.info("receiver ready", url=url, pid=os.getpid(), **more)
