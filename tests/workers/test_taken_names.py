"""A name is a handler's or a hook's in all live workers: each would skip the other's mail."""

from threading import Timer

import pytest

from bellhop import DeadLetter, SeamEvent
from bellhop.errors import NameTaken
from bellhop.ledger import Ledger, keys, read_live_sets
from tests.workers.conftest import Workplace


def handler_and_hook(ledger: Ledger) -> tuple[Workplace, Workplace]:
    """Return a worker with a handler `shared`, which is subscribed, and one with such a hook."""
    place, other = Workplace(ledger, "with a handler"), Workplace(ledger, "hook")

    def handle(event: SeamEvent) -> None:
        raise AssertionError(event)

    def hook(letter: DeadLetter) -> None:
        raise AssertionError(letter)

    place.on("lock.*", name="shared")(handle)
    other.registry.on_dead(name="shared")(hook)
    place.runtime.subscribe_first()
    return place, other


def test_a_worker_with_a_hook_of_a_handlers_name_is_not_subscribed(ledger: Ledger) -> None:
    _, other = handler_and_hook(ledger)

    with pytest.raises(NameTaken, match="a handler in the live worker with a handler, and"):
        other.runtime.subscribe_first(patience=0)
    assert [one.workers for one in read_live_sets(ledger.redis)] == [("with a handler",)]


def test_it_is_subscribed_as_soon_as_the_last_such_worker_counts_as_gone(ledger: Ledger) -> None:
    _, other = handler_and_hook(ledger)
    gone = Timer(0.2, lambda: ledger.redis.zrem(keys.ALIVE, "with a handler"))
    gone.start()

    other.runtime.subscribe_first()
    assert gone.finished.is_set()
    assert [one.workers for one in read_live_sets(ledger.redis)] == [("hook",)]
