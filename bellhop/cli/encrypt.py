"""`bellhop encrypt`: what is stored, stored again with the first key."""

import click

from bellhop.cli.state import NotConfigured, opened_redis
from bellhop.errors import BellhopError
from bellhop.settings import load_settings

_TOLD = 5


class NotAllReadable(BellhopError):
    """Something that is stored could not be read, and is as it was."""


@click.command()
def encrypt() -> None:
    """Encrypt all that is on record with the first of BELLHOP_ENCRYPTION_KEYS.

    Receivers and workers may run; they must have that key in front already. After this, the other
    keys are needed no more. If the first is the word plaintext, everything is decrypted.
    """
    from bellhop.ledger import Ledger
    from bellhop.ledger.resealing import reseal

    settings = load_settings()
    if not settings.encryption_keys:
        raise NotConfigured(
            "BELLHOP_ENCRYPTION_KEYS is not set: to encrypt, give it a key; "
            "to decrypt, the word plaintext and then the key"
        )
    ledger = Ledger(opened_redis(settings), settings.retention, settings.vault)
    ledger.check_vault()
    ledger.remember_vault()
    result = reseal(ledger.redis, settings.vault)
    how = "encrypted with the first key" if settings.vault.encrypts else "decrypted"
    click.echo(f"{result.count:,} {how}, {len(result.unread):,} could not be read")
    if not result.rewrites_file:
        click.echo(
            "Redis's files still hold what was stored before, until they are written again: have "
            "its administrator call BGREWRITEAOF",
            err=True,
        )
    if result.unread:
        raise NotAllReadable("\n".join(result.unread[:_TOLD]))
