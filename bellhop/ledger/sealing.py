"""Deliveries as they are stored where bodies are encrypted."""

from collections.abc import Sequence

from bellhop.events.subjects import known_subjects
from bellhop.ledger.entries import Arrival, Quarantined
from bellhop.vault import Kind, Vault


def sealed(batch: Sequence[Arrival | Quarantined], vault: Vault) -> Sequence[Arrival | Quarantined]:
    """Return the batch as it is stored.

    Where bodies are encrypted, nothing else says what is in them but ids and names of fields.
    """
    return [
        _sealed(item, vault) if vault.encrypts or isinstance(item, Quarantined) else item
        for item in batch
    ]


def _sealed(item: Arrival | Quarantined, vault: Vault) -> Arrival | Quarantined:
    if isinstance(item, Quarantined):
        return item._replace(body=vault.seal(item.body, Kind.QUARANTINED, item.delivery_id))
    return item._replace(
        body=vault.seal(item.body, Kind.EVENT, item.event_id),
        drift=tuple(one.without_value() for one in item.drift),
        subjects=known_subjects(item.subjects),
    )
