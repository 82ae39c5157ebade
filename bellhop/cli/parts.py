"""`bellhop receiver` and `bellhop worker`: the parts, for as many machines as needed."""

import subprocess
import sys

import click

from bellhop.cli.state import NotConfigured, reachable_redis, redis_url
from bellhop.logs import configure_logs
from bellhop.settings import load_settings


@click.command()
@click.option("--host", help="Address to listen on.  [BELLHOP_HOST, 127.0.0.1]")
@click.option("--port", type=int, help="Port to listen on.  [BELLHOP_PORT, 8000]")
def receiver(host: str | None, port: int | None) -> None:
    """Take webhooks in: process one.

    Needs BELLHOP_REDIS_URL and BELLHOP_WEBHOOK_SECRETS.
    """
    settings = load_settings(host=host, port=port)
    configure_logs(settings.log_format, settings.log_level)
    if not settings.secrets:
        raise NotConfigured(
            "no signing secret: set BELLHOP_WEBHOOK_SECRETS to the endpoint's secret from Seam's "
            "console (whsec_…)"
        )
    url = redis_url(settings)
    from receiver.serve import bind, run_receiver

    sock = bind(settings.host, settings.port)
    reachable_redis(url).close()
    run_receiver(settings, url, sock)


@click.command()
@click.option(
    "-n", "count", type=click.IntRange(1), default=1, show_default=True, help="Processes."
)
@click.option("--checked", is_flag=True, hidden=True)
def worker(count: int, checked: bool) -> None:
    """Run handlers: process two, as often as you like.

    Needs BELLHOP_REDIS_URL. Loads BELLHOP_HANDLERS (default: handlers).
    """
    settings = load_settings()
    configure_logs(settings.log_format, settings.log_level)
    url = redis_url(settings)
    reachable_redis(url).close()
    if not checked:
        check_handlers()
    from bellhop.processes import end_with_parent
    from workers.pool import run_pool

    end_with_parent()
    sys.exit(run_pool(settings, url, count))


@click.command(hidden=True)
@click.argument("name")
def one_worker(name: str) -> None:
    """Be one process of a pool."""
    settings = load_settings()
    configure_logs(settings.log_format, settings.log_level)
    from workers.pool import run_worker

    run_worker(settings, redis_url(settings), name)


def check_handlers(*options: str) -> str:
    """Load the handlers in a process of their own, so that a mistake is told once; return the table.

    Exits as that process does if they cannot be loaded.
    """
    done = subprocess.run(
        [sys.executable, "-m", "bellhop.cli", "handlers", *options],
        check=False,
        stdout=subprocess.PIPE,
        text=True,
    )
    if done.returncode:
        sys.exit(done.returncode)
    return done.stdout
