"""Running the receiver under uvicorn."""

import gc
import os
import signal
import socket

import structlog
import uvicorn

from bellhop.errors import BellhopError
from bellhop.events.catalogue import build_validators
from bellhop.processes import end_with_parent
from bellhop.settings import Settings
from receiver.app import WEBHOOK_PATH, create_app

GRACE = 15
"""Seconds that requests under way have to finish: as long as the sender waits for an answer."""

_BACKLOG = 2048

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


def make_server(settings: Settings, redis_url: str) -> uvicorn.Server:
    """Return the receiver's app in its server, not yet running."""
    config = uvicorn.Config(
        create_app(settings, redis_url),
        backlog=_BACKLOG,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE,
        timeout_keep_alive=75,
        lifespan="on",
        ws="none",
    )
    return uvicorn.Server(config)


def run_receiver(settings: Settings, redis_url: str, sock: socket.socket | None = None) -> None:
    """Serve until a signal. What was accepted by then is answered."""
    end_with_parent()
    sock = sock or bind(settings.host, settings.port)
    server = make_server(settings, redis_url)
    # It listens to signals only while it runs, and raises them again when it has finished.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, server.handle_exit)
    build_validators()
    sock.listen(_BACKLOG)  # so that whoever reads the next line can connect
    host, port = sock.getsockname()[:2]
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    _log.info("receiver ready", url=f"http://{address}{WEBHOOK_PATH}", pid=os.getpid())
    # What is there now stays: the garbage collector need not look at it again and again.
    gc.collect()
    gc.freeze()
    server.run(sockets=[sock])
