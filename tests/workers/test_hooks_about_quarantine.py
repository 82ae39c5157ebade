"""Hooks that are told of bodies in quarantine."""

from structlog.testing import capture_logs

from bellhop import QuarantinedBody
from bellhop.ledger import (
    DeadLetters,
    Quarantine,
    read_condition,
    told_by_hooks,
)
from tests.workers.conftest import Workplace
from tests.workers.hooks import BROKEN, call_ids, on_record
from tests.workers.told import Told


def test_it_is_told_of_what_goes_into_quarantine(workplace: Workplace, told: Told) -> None:
    workplace.registry.on_quarantined(name="bodies")(told.body)
    workplace.registry.on_dead(name="alarm")(told.letter)
    workplace.runtime.subscribe()
    receipt = workplace.ledger.accept([BROKEN, BROKEN])
    assert receipt.wake == (workplace.runtime.ledger.handlers.fingerprint,)
    workplace.work()

    [body], [context] = told.bodies, told.contexts
    [kept] = Quarantine(workplace.ledger.redis)
    assert body == QuarantinedBody(
        "msg_broken", BROKEN.problems, kept.received_at, len(BROKEN.body)
    )
    assert context.event is None
    assert (context.delivery_id, context.handler) == ("msg_broken", "bodies")
    with capture_logs() as lines:
        context.log.info("told")
    assert lines[0]["delivery_id"] == "msg_broken"
    [one] = told_by_hooks(workplace.ledger.redis, {"": kept.told}, workplace.ledger.vault)
    assert [(hook.handler, hook.state) for hook in one.hooks] == [("bodies", "done")]
    assert told.letters == []


def test_a_body_that_is_not_in_quarantine_any_more_is_not_told(
    workplace: Workplace, told: Told
) -> None:
    workplace.registry.on_quarantined(name="bodies")(told.body)
    workplace.runtime.subscribe()
    workplace.ledger.accept([BROKEN])
    Quarantine(workplace.ledger.redis).drop("msg_broken")
    workplace.work()
    assert told.bodies == []
    assert on_record(workplace, "bodies")["state"] == "skipped"


def test_a_hook_about_a_body_that_gives_up_calls_nobody(workplace: Workplace, told: Told) -> None:
    workplace.registry.on_dead(told.letter)

    @workplace.registry.on_quarantined(attempts=1, name="bodies")
    def broken(body: QuarantinedBody) -> None:
        raise RuntimeError("the chat is away")

    workplace.runtime.subscribe()
    workplace.ledger.accept([BROKEN])
    workplace.work()
    [letter] = DeadLetters(workplace.ledger.redis)
    assert (letter.handler, told.letters, len(call_ids(workplace))) == ("bodies", [], 1)
    assert read_condition(workplace.ledger.redis).dead == 1
