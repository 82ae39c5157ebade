"""`bellhop receiver` and `bellhop worker`: the parts, for as many machines as needed."""

import os
import shutil
import subprocess
import sys

import click

from bellhop.cli.state import NotConfigured, redis_url, require_fit_redis
from bellhop.environment import RECEIVER_ONLY, enter_handlers_environment, without
from bellhop.processes import BELLHOP
from bellhop.settings import Settings, load_settings


@click.command()
@click.option("--host", help="Address to listen on.  [BELLHOP_HOST, 127.0.0.1]")
@click.option("--port", type=int, help="Port to listen on.  [BELLHOP_PORT, 8000]")
@click.option("--processes", type=int, help="Receiver processes.  [BELLHOP_PROCESSES, 1]")
@click.option("--checked", is_flag=True, hidden=True)
def receiver(host: str | None, port: int | None, processes: int | None, checked: bool) -> None:
    """Start a receiver: it takes webhooks in, and keeps their events in Redis.

    Needs BELLHOP_REDIS_URL and BELLHOP_WEBHOOK_SECRETS. Your handlers run in workers.
    """
    settings = load_settings(host=host, port=port, processes=processes)
    _begin(settings)
    if not settings.secrets:
        raise NotConfigured(
            "no signing secret: set BELLHOP_WEBHOOK_SECRETS to the endpoint's secret from Seam's "
            "console (whsec_…)"
        )
    url = redis_url(settings)
    from bellhop_receiver.serve import bind, run_receiver

    sock = bind(settings.host, settings.port)
    require_fit_redis(settings, url, warn=not checked)
    sys.exit(run_receiver(settings, url, sock))


@click.command()
@click.option(
    "-n",
    "--workers",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Worker processes.",
)
@click.option(
    "--only",
    metavar="PATTERN",
    multiple=True,
    help='Only handlers, and hooks, of such a name: "crm.*"; may be given several times.',
)
@click.option("--checked", is_flag=True, hidden=True)
@click.option("--ready", type=int, hidden=True)
@click.option("--alone", is_flag=True, hidden=True)
def worker(
    workers: int, only: tuple[str, ...], checked: bool, ready: int | None, alone: bool
) -> None:
    """Start worker processes, which run your handlers.

    You may start this on several machines with the same Redis. Needs BELLHOP_REDIS_URL, and loads
    the handlers from BELLHOP_HANDLERS (default: handlers). With SEAM_API_KEY, what events do not
    say of action attempts is fetched from Seam.

    With --only, these workers take some of the handlers; see that others take the rest.
    """
    settings = load_settings().for_workers()
    enter_handlers_environment()
    _begin(settings)
    from bellhop.sdk import require_sdk

    require_sdk(settings)
    url = redis_url(settings)
    require_fit_redis(settings, url, warn=not checked)
    from bellhop_workers.pool import run_pool

    if not checked:
        from bellhop.loading import passed_over_handlers
        from bellhop.logs import get_logger

        for sentence in passed_over_handlers(settings.handlers):
            get_logger("workers").warning(sentence)
    sys.exit(run_pool(settings, url, workers, only=only, ready=ready, alone=alone))


def _begin(settings: Settings) -> None:
    from bellhop.failpoints import arm
    from bellhop.logs import configure_logs

    configure_logs(settings.log_format, settings.log_level)
    arm(os.environ)


def start_check(*options: str) -> "subprocess.Popen[str]":
    """Load the handlers in a process of their own, which prints their table or what is wrong."""
    return subprocess.Popen(
        [*BELLHOP, "handlers", "--here", *options],
        env={
            **without(os.environ, RECEIVER_ONLY),
            "COLUMNS": str(shutil.get_terminal_size((120, 24)).columns),
        },
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a terminal's Ctrl-C is for whoever waits for it
    )
