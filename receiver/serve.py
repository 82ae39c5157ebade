"""Running the receiver under uvicorn."""

import gc
import os
import socket

import structlog
import uvicorn

from bellhop.errors import BellhopError
from bellhop.processes import end_with_parent
from bellhop.settings import Settings
from receiver.app import WEBHOOK_PATH, create_app

GRACE = 15
"""Seconds that requests under way have to finish: as long as the sender waits for an answer."""

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
    except (OSError, socket.gaierror) as error:
        sock.close()
        reason = error.strerror or str(error)
        raise CannotListen(
            f"cannot listen on {host} port {port}: {reason}; choose another with --port or BELLHOP_PORT"
        ) from error
    sock.set_inheritable(True)
    return sock


def run_receiver(settings: Settings, redis_url: str, sock: socket.socket | None = None) -> None:
    """Serve until a signal. What was accepted by then is answered."""
    end_with_parent()
    sock = sock or bind(settings.host, settings.port)
    config = uvicorn.Config(
        create_app(settings, redis_url),
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE,
        timeout_keep_alive=75,
        lifespan="on",
    )
    host, port = sock.getsockname()[:2]
    _log.info("receiver ready", url=f"http://{host}:{port}{WEBHOOK_PATH}", pid=os.getpid())
    # What is there now stays: the garbage collector need not look at it again and again.
    gc.collect()
    gc.freeze()
    uvicorn.Server(config).run(sockets=[sock])
