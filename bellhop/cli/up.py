"""`bellhop up`: all of Bellhop on one machine, in one terminal."""

import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from bellhop.cli.parts import start_check
from bellhop.cli.readiness import Readiness
from bellhop.cli.reload import module_changes
from bellhop.cli.state import (
    keep_webhook_url,
    local_host,
    made_secret,
    make_state,
    public_url,
    require_fit_redis,
)
from bellhop.embedded import EmbeddedRedis
from bellhop.environment import RECEIVER_ONLY, without
from bellhop.failpoints import read as read_failpoints
from bellhop.logs import configure_logs, get_logger
from bellhop.processes import BELLHOP
from bellhop.processes import command as process
from bellhop.project import add_project
from bellhop.sdk import require_sdk
from bellhop.settings import STATE, Settings, load_settings
from bellhop.supervisor import Child, Supervisor

_log = get_logger("up")


@click.command()
@click.option("--host", help="Address to listen on.  [BELLHOP_HOST, 127.0.0.1]")
@click.option("--port", type=int, help="Port to listen on.  [BELLHOP_PORT, 8000]")
@click.option("--processes", type=int, help="Receiver processes.  [BELLHOP_PROCESSES, 1]")
@click.option(
    "-n",
    "--workers",
    type=click.IntRange(1),
    default=2,
    show_default=True,
    help="Worker processes.",
)
@click.option("--reload", is_flag=True, help="Load the handlers again when a module is saved.")
def up(
    host: str | None, port: int | None, processes: int | None, workers: int, reload: bool
) -> None:
    """Start everything: receiver, workers and, unless BELLHOP_REDIS_URL is set, a Redis.

    Its data and signing secret are kept in .bellhop/private/.
    """
    settings = load_settings(host=host, port=port, processes=processes)
    if sys.stderr.isatty() and settings.origins["BELLHOP_LOG_LEVEL"] == "default":
        settings.log_level = "debug"
    configure_logs(settings.log_format, settings.log_level)
    read_failpoints(os.environ)
    make_state()
    embedded = None if settings.redis_url else EmbeddedRedis(STATE)
    try:
        if embedded:
            embedded.start()
        sys.exit(_run(_with_port(settings), embedded, workers, reload=reload))
    finally:
        if embedded:
            embedded.stop()


def _with_port(settings: Settings) -> Settings:
    """Return the settings with a port that is free, if 0 was asked for. Raises `CannotListen`."""
    from bellhop_receiver.serve import bind

    with bind(settings.host, settings.port) as sock:
        return settings.model_copy(update={"port": sock.getsockname()[1]})


def _run(settings: Settings, embedded: EmbeddedRedis | None, workers: int, *, reload: bool) -> int:
    url = embedded.url if embedded else settings.redis_url.get_secret_value()  # type: ignore[union-attr]
    require_sdk(settings)
    require_fit_redis(settings, url)
    secrets = settings.secrets or (made_secret(),)
    webhook = f"http://{local_host(settings.host)}:{settings.port}{settings.webhook_path}"
    keep_webhook_url(webhook)
    _introduce(settings, webhook, secrets[0], url, embedded=embedded is not None)
    check = _start_check()
    given = {
        "BELLHOP_REDIS_URL": url,
        "BELLHOP_WEBHOOK_SECRETS": " ".join(secrets),
        "BELLHOP_HOST": settings.host,
        "BELLHOP_PORT": str(settings.port),
        "BELLHOP_PROCESSES": str(settings.processes),
        "BELLHOP_LOG_LEVEL": settings.log_level,
    }
    environment = {**without(os.environ, given), **given}
    supervisor = Supervisor(
        grace=settings.grace.total_seconds(),
        tick=_watch(embedded) if embedded else None,
        patient=reload,
        on_stop=lambda: _say_stopping(settings),
    )
    workers_ready, tells_ready = os.pipe()
    os.set_blocking(tells_ready, False)
    host = local_host(settings.host).strip("[]")
    readiness = Readiness(check, workers_ready, host, settings.port, _hint())
    # While one of them lives, so does the embedded Redis, even if we are killed.
    keep = (embedded.lifeline,) if embedded else ()
    receive = [*BELLHOP, "receiver", "--checked"]
    work = [*BELLHOP, "worker", "-n", str(workers), "--checked", "--ready", str(tells_ready)]
    if embedded:  # no other program has workers on it
        work.append("--alone")
    supervisor.add("receiver", process(receive, environment, keep=keep))
    workers_own = without(environment, RECEIVER_ONLY)
    pool = supervisor.add("workers", process(work, workers_own, keep=(*keep, tells_ready)))
    readiness.start()
    if reload:
        threading.Thread(target=_reload, args=(settings, supervisor, pool), daemon=True).start()
    code = supervisor.run()
    readiness.stop(code)
    click.echo("bellhop: stopped", err=True)
    return code


def _say_stopping(settings: Settings) -> None:
    seconds = f"{settings.grace.total_seconds():g} s"
    click.echo(
        f"bellhop: stopping; handlers under way have {seconds}, or until the next Ctrl-C", err=True
    )


def _start_check() -> "subprocess.Popen[str]":
    return start_check("--table", *(["--color"] if sys.stdout.isatty() else []))


def _introduce(settings: Settings, webhook: str, secret: str, url: str, *, embedded: bool) -> None:
    """Print what a person needs to know to go on."""
    terminal = sys.stdout.isatty()

    def line(label: str, value: str) -> None:
        click.echo(
            f"{click.style(f'{label:<9}', bold=True) if terminal else f'{label:<9}'} {value}"
        )

    click.echo()
    line("webhook", webhook)
    if settings.secrets:
        line("secret", "from BELLHOP_WEBHOOK_SECRETS")
    elif terminal:
        line("secret", secret)
    else:  # what is printed here may be kept as a log
        line("secret", f"in {STATE}/signing-secret")
    line("redis", f"embedded, data in {STATE}/redis" if embedded else public_url(url))
    folders = ", ".join(str(folder) for folder in _folders(settings.handlers))
    line("handlers", f"{', '.join(settings.handlers)} in {folders}")
    sys.stdout.flush()


def _hint() -> str:
    """Return what is printed when all is ready."""
    command = f"{_own_name()} send lock.unlocked"
    command = click.style(command, bold=True) if sys.stdout.isatty() else command
    return f"Ready. Ctrl-C stops. Try, in another terminal:\n    {command}"


def _own_name() -> str:
    """Return how this command can be called from another terminal in this directory."""
    if shutil.which("bellhop"):
        return "bellhop"
    near = os.path.relpath(sys.argv[0])
    return shlex.quote(sys.argv[0] if near.startswith("..") else near)


def _watch(embedded: EmbeddedRedis) -> Callable[[Sequence[str]], None]:
    """Return what starts the embedded Redis again if it ended by itself."""

    def look(_dead: Sequence[str]) -> None:
        if embedded.ended():
            _log.error("the embedded Redis ended; starting it again")
            embedded.restart()

    return look


def _reload(settings: Settings, supervisor: Supervisor, pool: Child) -> None:
    """Restart the workers whenever a module of the project is saved."""
    for _ in module_changes([Path.cwd(), *_folders(settings.handlers)]):
        if not _start_check().communicate()[0]:
            click.echo("bellhop: the old handlers stay until that is mended", err=True)
        else:
            _log.info("a module was saved: the workers load the handlers again")
            supervisor.restart(pool)


def _folders(handlers: Sequence[str]) -> list[Path]:
    """Return the directories that hold the handlers, without loading any."""
    add_project(handlers)
    folders = []
    for name in handlers:
        spec = importlib.util.find_spec(name.partition(".")[0])
        locations = spec.submodule_search_locations if spec else None
        if locations:
            folders += [Path(location) for location in locations]
        elif spec and spec.origin:
            folders.append(Path(spec.origin).parent)
    return folders or [Path.cwd()]
