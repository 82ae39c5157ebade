"""A ledger with faults in it, for the tests of the foreman's repairs."""

from bellhop.ledger import (
    Arrival,
    ClaimLimit,
    GiveBack,
    HandlerSet,
    Ledger,
    Mail,
    Outcome,
    Repair,
    Result,
    SettledEntry,
    SettledMail,
    Subscription,
)

BOX = "device:front"


DEAD = '{"state": "dead", "attempts": []}'


DONE = '{"state": "done", "attempts": []}'


RETRYING = '{"state": "retrying", "attempts": []}'


class Site:
    """A ledger with two handlers, `first` and `limited`, that a worker `w` has, and a clock."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.redis = ledger.redis
        self.now = 1_796_000_000_000
        self.handlers = HandlerSet(
            [Subscription("first", ["lock.*"]), Subscription("limited", ["lock.*"], 1)]
        )
        self.settles = 0
        ledger.subscribe("w", self.handlers, now_ms=self.now)

    def deliver(self, *event_ids: str, mailbox: str = BOX) -> None:
        self.ledger.accept(
            [Arrival(f"m{one}", one, "lock.unlocked", mailbox, b"{}") for one in event_ids],
            now_ms=self.now,
        )

    def repair(self, times: int = 3) -> list[Repair]:
        """Repair so often, a second between, and return what was mended."""
        found: list[Repair] = []
        for _ in range(times):
            self.now += 1_000
            found += self.ledger.repair(now_ms=self.now).repairs
        return found

    def claim(self, *, worker: str = "w", share: int = 9) -> tuple[Mail, ...]:
        limits = [ClaimLimit(one, 9, 99, share) for one in ("first", "limited")]
        return self.ledger.claim(
            worker, self.handlers, limits, now_ms=self.now, settles=self.settles
        ).mail

    def settle(
        self,
        handler: str,
        kind: Result,
        *event_ids: str,
        record: str = DONE,
        give_back: GiveBack = GiveBack.END,
        delay_ms: int = 0,
    ) -> None:
        self.settles += 1
        entries = [SettledEntry(one, Outcome(kind, record, delay_ms)) for one in event_ids]
        settled = self.ledger.settle(
            "w",
            self.handlers,
            self.settles,
            [SettledMail(handler, BOX, give_back, entries)],
            now_ms=self.now,
        )
        assert settled.ours

    def boxes(self, worker: str = "w") -> dict[str, list[str]]:
        """Claim all, and return which events were in which handler's box of the front door."""
        return {
            one.handler: [entry.event.event_id for entry in one.entries]
            for one in self.claim(worker=worker)
            if one.mailbox == BOX
        }


ALL = {"first": ["e1", "e2"], "limited": ["e1", "e2"]}
