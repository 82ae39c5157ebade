"""The scripts and their model are given the same calls, in every order that hypothesis thinks of.

After each call it is checked, without the model, that nothing is lost, doubled, or out of order.
At the end of each run the mail is worked off, and every accepted event must have come to its end.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import invariant, run_state_machine_as_test

from bellhop.ledger import ClaimLimit, Ledger
from tests.bellhop.ledger.mending import MendedLedgerMachine
from tests.bellhop.ledger.twins import IN_ORDER, LAST, Worker, is_open
from tests.bellhop.ledger.values import Box, names_of, state_of
from tests.examples import examples


class CheckedLedgerMachine(MendedLedgerMachine):
    """A ledger whose promises are checked after every call."""

    @invariant()
    def every_promise_is_kept(self) -> None:
        self.boxes_with_mail_are_in_one_place_and_others_nowhere()
        self.workers_have_a_lease_if_and_only_if_they_hold_mail()
        self.a_shift_is_on_its_way_if_mail_is_ready()
        self.events_are_given_to_all_who_wanted_them()
        self.what_is_open_waits_somewhere_once()
        self.counts_match_what_was_written()
        self.only_events_with_nothing_open_may_be_forgotten()
        self.each_handler_begins_with_a_devices_events_in_the_order_accepted()
        self.no_more_mailboxes_are_at_work_than_a_handler_allows()
        self.routes_are_what_the_subscriptions_say()

    def boxes_with_mail_are_in_one_place_and_others_nowhere(self) -> None:
        listed = [
            f"{handler} {mailbox}"
            for name in ("ready", "suspects")
            for handler, mailboxes in self.found[name].items()
            for mailbox in mailboxes
        ]
        held = [box for boxes in self.found["held"].values() for box in boxes]
        parked = [entry[1:] for entry in self.found["due"] if entry.startswith(" ")]
        assert sorted(listed + held + parked) == sorted(self.found["mail"])

    def workers_have_a_lease_if_and_only_if_they_hold_mail(self) -> None:
        assert set(self.found["leases"]) == set(self.found["held"])

    def a_shift_is_on_its_way_if_mail_is_ready(self) -> None:
        if self.resumed:
            return  # the foreman has not looked yet
        for fingerprint, handlers in self.found["sets"].items():
            if any(self._may_be_claimed(handler, fingerprint) for handler in handlers):
                woken = {self.found["workers"].get(worker) for worker in self.found["wake"]}
                assert fingerprint in self.found["waiting"] or fingerprint in woken

    def _may_be_claimed(self, handler: str, fingerprint: str) -> bool:
        limit = self.found["limits"].get(handler)
        if limit is not None and len(self.found["working"].get(handler, ())) >= limit:
            return False
        # Of suspects one is run at a time; the model knows when.
        waits = handler in self.found["ready"] or (
            handler in self.found["suspects"] and fingerprint not in self.found["alone"]
        )
        if handler in self.found["slow"].get(fingerprint, ()):
            workers = list(self.found["workers"].values()).count(fingerprint)
            busy = self.found["leases"].keys() & self.found["busy"].get(fingerprint, set())
            waits = waits and (workers < 2 or len(busy) < workers - 1)
        return waits and handler not in self.found["paused"]

    def events_are_given_to_all_who_wanted_them(self) -> None:
        """`note_what_is_given` saw to whom; those that wait for the first one are still there."""
        assert self.found["log"] == self.accepted == self.seen + self.found["unrouted"]
        assert set(self.found["events"]) == {*self.accepted, *self.called}
        for event_id, event in self.found["events"].items():
            handlers = {handler for of, handler in self.outcomes if of == event_id}
            assert set(event["records"]) == handlers
            unhandled = not handlers and event_id in self.seen
            assert (event["state"] == "unhandled") == unhandled

    def what_is_open_waits_somewhere_once(self) -> None:
        waiting = [
            (event_id, *box.split(" ", 1))
            for box, events in self.found["mail"].items()
            for event_id in events
        ]
        retries = [entry.split(" ", 2) for entry in self.found["due"] if entry[0] != " "]
        mailbox_of = {one: event["mailbox"] for one, event in self.found["events"].items()}
        open_pairs = [
            (event_id, handler, mailbox_of[event_id])
            for (event_id, handler), written in self.outcomes.items()
            if is_open(written[-1])
        ]
        assert sorted(waiting + [(*retry,) for retry in retries]) == sorted(open_pairs)

    def counts_match_what_was_written(self) -> None:
        for event_id, event in self.found["events"].items():
            last = {
                handler: written[-1]
                for (of, handler), written in self.outcomes.items()
                if of == event_id
            }
            assert event["records"] == last
            assert event["open"] == sum(map(is_open, last.values()))
            dead = {f"{event_id} {name}" for name, one in last.items() if state_of(one) == "dead"}
            assert event["dead"] == len(dead)
            assert {one for one in self.found["dead"] if one.startswith(f"{event_id} ")} == dead

    def only_events_with_nothing_open_may_be_forgotten(self) -> None:
        for event in self.found["events"].values():
            over = event["state"] in ("done", "unhandled")
            assert event["may be forgotten"] == over
            if over:
                assert (event["open"], event["dead"]) == (0, 0)

    def each_handler_begins_with_a_devices_events_in_the_order_accepted(self) -> None:
        self._are_in_order(self.begun)
        in_turn = {box: it for box, it in self.ended.items() if box.handler == IN_ORDER}
        self._are_in_order({box: it for box, it in in_turn.items() if box not in self.reordered})

    def _are_in_order(self, boxes: Mapping[Box, Sequence[str]]) -> None:
        for box, events in boxes.items():
            assert events == self.given[box][: len(events)]

    def no_more_mailboxes_are_at_work_than_a_handler_allows(self) -> None:
        for handler, mailboxes in self.found["working"].items():
            for mailbox in mailboxes:
                assert any(f"{handler} {mailbox}" in held for held in self.found["held"].values())

    def routes_are_what_the_subscriptions_say(self) -> None:
        for event_type, handlers in self.found["routes"].items():
            assert set(handlers) == self.subscribed_to("patterns", event_type)

    def teardown(self) -> None:
        """Work off what is left: the foreman and a worker for every handler must be enough."""
        if not self.agreed:
            return
        for handler in list(self.model.paused):
            self.resume(handler)
        self.workers = {"last": Worker(LAST)}
        self.both("subscribe", "last", LAST)
        for _ in range(200):
            # What a worker held that is gone is free after 20 s, or 25 if nobody swept for a while;
            # retries are due after 90.
            for step in [4_900] * 6 if self.found["held"] else [90_000]:
                self.now += step
                swept = self.sweep(alive=["last"])
            if not (self.found["mail"] or self.found["due"]):
                break
            if not self.found["ready"] and not self.found["suspects"]:
                continue
            assert LAST.fingerprint in swept.wake or LAST.fingerprint in self.model.queued
            self._work_off()
        assert not self.found["mail"]
        assert not self.found["due"]
        assert not self.found["unrouted"]
        self.every_promise_is_kept()
        for (event_id, handler), written in self.outcomes.items():
            ended = state_of(written[-1])
            assert ended in ("done", "dead", "dropped", "skipped", "abandoned")
            assert self.runs[event_id, handler] or ended == "abandoned"
        for event in self.found["events"].values():
            over = "done" if event["records"] else "unhandled"
            assert event["state"] == ("dead" if event["dead"] else over)

    def _work_off(self) -> None:
        """Let the last worker claim and settle until nothing is ready."""
        last = self.workers["last"]
        limits = [ClaimLimit(name, 9, 50) for name in names_of(LAST)]
        self.model.queued.discard(LAST.fingerprint)
        claimed = self.both("claim", "last", LAST, limits, settles=last.settles)
        mail = claimed.mail
        while True:
            last.settles += 1
            self.check_what_is_handed_out("last", mail)
            results = [self.finish(one) for one in mail]
            settled = self.both("settle", "last", LAST, last.settles, results, limits)
            self.note(results)
            mail = settled.mail
            if not mail:
                break


def test_the_scripts_do_what_their_model_does_and_lose_nothing(ledger: Ledger) -> None:
    machine: Any = lambda: CheckedLedgerMachine(ledger)  # noqa: E731
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples(120),
            stateful_step_count=50,
            deadline=None,
            derandomize=True,
            database=None,
            # Add Phase.shrink to have a failure made small; that takes minutes.
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
