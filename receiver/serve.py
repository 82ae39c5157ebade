"""Running the receiver under uvicorn."""

import gc
import os
import resource
import signal
import socket
from types import FrameType
from typing import Any

import structlog
import uvicorn

from bellhop.errors import BellhopError
from bellhop.events.catalogue import build_validators
from bellhop.processes import StopSignals, end_with_parent
from bellhop.settings import Settings
from receiver.app import WEBHOOK_PATH, create_app
from receiver.door import PATIENCE, Door
from receiver.refusals import PAUSE, Refusals

_LONGEST_REQUEST = 15
"""Seconds that requests under way have to finish at most: the sender waits no longer."""

_BACKLOG = 2048
_MOST_FILES = 65_536

_log = structlog.get_logger("receiver")


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
    """One that a second signal ends at once, whichever it is."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._signals = StopSignals()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Answer what was taken, and end."""
        if self._signals.came() > 1:
            signal.signal(sig, signal.SIG_DFL)
            signal.raise_signal(sig)
        super().handle_exit(sig, frame)


def make_server(
    settings: Settings, redis_url: str, *, patience: float = PATIENCE, pause: float = PAUSE
) -> uvicorn.Server:
    """Return the receiver's app in its server, not yet running.

    `patience`: seconds for a request to arrive; `pause`: seconds between two lines that tell how
    many were refused.
    """
    refusals = Refusals(pause)

    class OurDoor(Door):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs, refusals=refusals, patience=patience)

    config = uvicorn.Config(
        create_app(settings, redis_url, refusals),
        http=OurDoor,
        backlog=_BACKLOG,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=min(_LONGEST_REQUEST, int(settings.grace.total_seconds()) - 1),
        timeout_keep_alive=75,
        lifespan="on",
        ws="none",
    )
    return _Server(config)


def _allow_many_connections() -> None:
    """Raise the limit of open files as far as we may: connections that idle count, too.

    Shells and service managers start programs with 1,024, for the sake of those that use select().
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def run_receiver(settings: Settings, redis_url: str, sock: socket.socket | None = None) -> None:
    """Serve until a signal. What was accepted by then is answered."""
    end_with_parent()
    _allow_many_connections()
    sock = sock or bind(settings.host, settings.port)
    server = make_server(settings, redis_url)
    # It listens to signals only while it runs, and raises them again when it has finished.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: setattr(server, "should_exit", True))
    build_validators()
    sock.listen(_BACKLOG)  # so that whoever reads the next line can connect
    host, port = sock.getsockname()[:2]
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    _log.info("receiver ready", url=f"http://{address}{WEBHOOK_PATH}", pid=os.getpid())
    # What is there now stays: the garbage collector need not look at it again and again.
    gc.collect()
    gc.freeze()
    server.run(sockets=[sock])
