"""`bellhop upgrade`: the ledger of an older version, brought up to date."""

import click

from bellhop.cli.state import opened_redis
from bellhop.settings import load_settings


@click.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
def upgrade(yes: bool) -> None:
    """Bring the ledger of an older Bellhop up to date.

    Stop all receivers and workers first. It can be called again if it was stopped in between.
    """
    from bellhop.ledger.upgrading import planned, require_idle
    from bellhop.ledger.upgrading import upgrade as take

    settings = load_settings()
    redis = opened_redis(settings, any_version=True)
    steps = planned(redis)
    if not steps:
        click.echo("There is nothing to do: the ledger is of the version that this Bellhop needs.")
        return
    for version, step in steps.items():
        click.echo(f"{version} → {version + 1}: {step.says}")
    require_idle(redis)
    if not yes:
        click.confirm("Have all receivers and workers stopped, and shall it begin?", abort=True)
        require_idle(redis)
    for version in take(redis, settings.retention, steps, settings.upgrading_vault):
        click.echo(f"The ledger is of version {version} now.")
