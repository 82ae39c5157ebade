"""`bellhop repair`: mending the files of the embedded Redis."""

from datetime import UTC, datetime

import click

from bellhop.embedded import EmbeddedRedis
from bellhop.settings import STATE


@click.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
def repair(yes: bool) -> None:
    """Mend the files of the embedded Redis after a power cut or a fault of the disk.

    Says what is lost, keeps a copy of the damaged files, and refuses while `bellhop up` runs.
    """
    from bellhop.appendonly import find_damage
    from bellhop.appendonly import repair as mend

    data = STATE / "redis"
    if not data.is_dir():
        click.echo(f"There is nothing to mend: no embedded Redis has data in {STATE.resolve()}.")
        return
    with EmbeddedRedis(STATE).kept_from_running():
        damage = find_damage(data)
        for one in damage:
            click.echo(str(one))
        if not damage:
            click.echo("There is nothing to mend: all files can be read.")
            return
        if not yes:
            click.confirm("Mend them? A copy of the damaged files is kept.", abort=True)
        kept = mend(data, damage, datetime.now(UTC))
    click.echo(f"Mended. The damaged files are kept in {kept}. Start again with: bellhop up")
