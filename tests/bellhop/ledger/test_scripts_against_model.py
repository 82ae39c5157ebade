"""The scripts and their model are given the same calls, in every order that hypothesis thinks of.

After each call it is checked, without the model, that nothing is lost, doubled, or out of order.
At the end of each run the mail is worked off, and every accepted event must have come to its end.
"""

from itertools import count
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import invariant, run_state_machine_as_test

from bellhop.ledger import Ledger
from tests.bellhop.ledger.machine import LedgerMachine
from tests.bellhop.ledger.state import split
from tests.bellhop.ledger.twins import OPEN
from tests.bellhop.ledger.workers import LEASE
from tests.examples import examples


class CheckedLedgerMachine(LedgerMachine):
    """A ledger whose promises are checked after every call."""

    @invariant()
    def every_promise_is_kept(self) -> None:
        self.mailboxes_with_mail_are_in_one_place_and_others_nowhere()
        self.doubtful_mailboxes_are_careful_or_held_among_themselves()
        self.shifts_have_a_lease_if_and_only_if_they_hold_mail()
        self.a_shift_was_asked_for_if_mail_is_ready()
        self.no_accepted_event_is_lost()
        self.no_retry_is_lost()
        self.what_waits_behind_others_is_not_forgotten()
        self.counts_match_what_was_written()
        self.only_events_with_nothing_open_may_be_forgotten()
        self.events_of_a_mailbox_are_finished_in_the_order_accepted()

    def mailboxes_with_mail_are_in_one_place_and_others_nowhere(self) -> None:
        held = [mailbox for mailboxes in self.found["held"].values() for mailbox in mailboxes]
        places = self.found["ready"] + self.found["careful"] + held
        assert sorted(places) == sorted(self.found["mail"])

    def doubtful_mailboxes_are_careful_or_held_among_themselves(self) -> None:
        doubtful = set(self.found["doubts"])
        assert set(self.found["careful"]) <= doubtful
        assert set(self.found["company"]) == doubtful
        for mailbox in doubtful - set(self.found["careful"]):
            (held,) = [held for held in self.found["held"].values() if mailbox in held]
            # Those beside it were doubtful, too, when they were taken.
            assert all(entries <= 1 for other, entries in held.items() if other in doubtful)

    def shifts_have_a_lease_if_and_only_if_they_hold_mail(self) -> None:
        assert set(self.found["shifts"]) == set(self.found["held"])

    def a_shift_was_asked_for_if_mail_is_ready(self) -> None:
        if self.found["ready"] or self.found["careful"]:
            assert self.found["waiting"] is not None or self.found["bells"]

    def no_accepted_event_is_lost(self) -> None:
        assert set(self.found["log"]) == {e for events in self.accepted.values() for e in events}
        assert set(self.found["events"]) == set(self.found["log"])
        for event_id, event in self.found["events"].items():
            waits = event_id in self.found["mail"].get(event["mailbox"], [])
            finished = event_id in self.finished[event["mailbox"]]
            assert waits != finished, event_id
            assert (event["state"] == "accepted") == waits, event_id

    def no_retry_is_lost(self) -> None:
        for event_id, event in self.found["events"].items():
            mail = self.found["mail"].get(event["mailbox"], [])
            in_mail = [name for name in mail if name.startswith(f"{event_id} ")]
            in_due = [name for name in self.found["due"] if name.startswith(f"{event_id} ")]
            behind = [
                f"{event_id} {whose.split(' ')[0]}"
                for whose, events in self.found["behind"].items()
                for _ in range(events.count(event_id))
            ]
            assert len(in_mail) + len(in_due) + len(behind) == event["open"]
            assert set(in_mail + in_due + behind) == {
                f"{event_id} {handler}"
                for handler, record in self.last_outcomes(event_id)
                if record.startswith(OPEN)
            }

    def what_waits_behind_others_is_not_forgotten(self) -> None:
        """Somebody is before it who will let it go, and it comes after that."""
        for whose, events in self.found["behind"].items():
            unfinished = self.found["unfinished"][whose]
            assert set(events) < set(unfinished)
            assert len(events) == len(set(events))

    def counts_match_what_was_written(self) -> None:
        for event_id, event in self.found["events"].items():
            last = self.last_outcomes(event_id)
            assert event["records"] == dict(last)
            dead = {
                f"{event_id} {handler}" for handler, record in last if record.startswith("dead")
            }
            assert event["dead"] == len(dead)
            assert {name for name in self.found["dead"] if split(name)[0] == event_id} == dead

    def only_events_with_nothing_open_may_be_forgotten(self) -> None:
        for event in self.found["events"].values():
            over = event["state"] in ("done", "unhandled")
            assert event["may be forgotten"] == over
            if over:
                assert (event["open"], event["dead"]) == (0, 0)

    def events_of_a_mailbox_are_finished_in_the_order_accepted(self) -> None:
        for mailbox, finished in self.finished.items():
            assert finished == self.accepted[mailbox][: len(finished)]

    def teardown(self) -> None:
        """Work off what is left: a good worker and the foreman must be enough."""
        if not self.agreed:
            return
        for _ in range(200):
            for step in (3_600_000, *[4_900] * 4):  # after an hour away, leases last a while longer
                self.now += step
                swept = self.sweep(queued=0)
            if not (self.found["mail"] or self.found["due"]):
                break
            assert swept.wants_shift or not (self.found["ready"] or self.found["careful"])
            shift = f"last/{next(self.numbers)}"
            claimed = self.both("claim", shift, lease=LEASE, mailboxes=9, entries=50)
            mail = claimed.mail
            for number in count(1):
                self.check_what_is_handed_out(mail)
                results = [self.finish(one) for one in mail]
                settled = self.both(
                    "settle", shift, number, results, lease=LEASE, mailboxes=9, entries=50
                )
                self.note(results)
                mail = settled.mail
                if not mail:
                    break
        assert not self.found["mail"]
        assert not self.found["due"]
        assert self.finished == self.accepted
        self.no_accepted_event_is_lost()
        self.no_retry_is_lost()
        self.counts_match_what_was_written()
        for event in self.found["events"].values():
            assert event["state"] == ("dead" if event["dead"] else "done")


def test_the_scripts_do_what_their_model_does_and_lose_nothing(ledger: Ledger) -> None:
    machine: Any = lambda: CheckedLedgerMachine(ledger)  # noqa: E731
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples(60),
            stateful_step_count=50,
            deadline=None,
            derandomize=True,
            database=None,
            # Add Phase.shrink to have a failure made small; that takes minutes.
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
