"""How much mail a worker claims, by what its handlers take."""

from typing import Any

import pytest

from bellhop import Context, Registry, SeamEvent
from bellhop.handler import Handler
from bellhop.ledger import ClaimLimit
from bellhop_workers.run_times import BATCH, MOST_ENTRIES, SLOW, RunTimes

PLACES = 50
NOTHING: dict[str, int] = {}


class Claims:
    """The run times of a worker with one handler of each kind, and what it claims for them."""

    def __init__(self) -> None:
        self.registry = Registry()
        self.now = 0.0
        self.run_times = RunTimes(self.registry, PLACES, lambda: self.now)

        @self.registry.on("*", name="sync")
        def sync(event: SeamEvent) -> None: ...

        @self.registry.on("*", name="async")
        async def later(event: SeamEvent) -> None: ...

    def handler(self, name: str) -> Handler:
        handler = self.registry.get(name)
        assert handler
        return handler

    def learn(self, name: str, seconds: float) -> None:
        """Let runs of the handler take that long, for long enough that nothing else is known."""
        for _ in range(40):
            self.run_times.learn(self.handler(name), seconds)

    def limits(
        self, in_hand: dict[str, int] = NOTHING, at_work: dict[str, int] = NOTHING
    ) -> dict[str, ClaimLimit]:
        """Return what is claimed by handler, with so many entries and mailboxes of each in hand."""
        limits = [
            *self.run_times.sync_limits(at_work),
            *self.run_times.async_limits(in_hand, at_work),
        ]
        assert len({one.handler for one in limits}) == len(limits)
        return {one.handler: one for one in limits}


@pytest.fixture
def claims() -> Claims:
    return Claims()


@pytest.mark.parametrize(
    ("seconds", "entries"),
    [(0.0, MOST_ENTRIES), (0.001, 250), (0.1, 2), (BATCH, 1), (3600.0, 1)],
)
def test_for_a_sync_handler_a_quarter_of_a_seconds_work_is_claimed(
    claims: Claims, seconds: float, entries: int
) -> None:
    claims.learn("sync", seconds)
    assert claims.limits()["sync"].entries == pytest.approx(entries, abs=1)


def test_of_a_handler_that_never_ran_little_is_claimed(claims: Claims) -> None:
    assert claims.limits()["sync"].entries == 25


def test_one_slow_run_is_noticed_at_once_and_forgotten_after_a_few_quick_ones(
    claims: Claims,
) -> None:
    claims.learn("sync", 0.001)
    before = claims.limits()["sync"].entries
    claims.run_times.learn(claims.handler("sync"), 1.0)
    assert claims.limits()["sync"].entries == 1
    for _ in range(12):
        claims.run_times.learn(claims.handler("sync"), 0.001)
    assert claims.limits()["sync"].entries > before / 2


def test_runs_that_are_told_of_together_count_each(claims: Claims) -> None:
    for _ in range(40):
        claims.run_times.learn(claims.handler("sync"), 1.0, entries=100)
    assert claims.limits()["sync"].entries == 25


def test_what_one_handler_takes_says_nothing_of_another(claims: Claims) -> None:
    claims.registry.on("*", name="other")(lambda event: None)
    before = claims.limits()["other"]
    claims.learn("sync", 3600.0)
    claims.learn("async", 3600.0)
    assert claims.limits()["other"] == before


@pytest.mark.parametrize("seconds", [2 * BATCH, 3600.0])
def test_a_slow_async_handler_gets_as_much_as_it_has_places(claims: Claims, seconds: float) -> None:
    claims.learn("async", seconds)
    limit = claims.limits()["async"]
    assert (limit.mailboxes, limit.entries) == (PLACES, PLACES)


@pytest.mark.parametrize(
    ("seconds", "waiting"), [(0.125, 2 * PLACES), (0.05, 5 * PLACES), (0.0, 4 * MOST_ENTRIES)]
)
def test_behind_a_quick_one_as_much_waits_as_its_places_get_through_in_a_batchs_time(
    claims: Claims, seconds: float, waiting: int
) -> None:
    claims.learn("async", seconds)
    in_hand = 0
    while limit := claims.limits({"async": in_hand}).get("async"):
        assert limit.entries <= MOST_ENTRIES  # for so long Redis does nothing else
        in_hand += limit.entries
    assert in_hand == pytest.approx(PLACES + waiting, abs=1)


@pytest.mark.parametrize(
    ("in_hand", "room"), [(0, PLACES), (30, PLACES - 30), (PLACES - 1, 1), (PLACES, 0), (999, 0)]
)
def test_what_an_async_handler_has_in_hand_is_not_claimed_once_more(
    claims: Claims, in_hand: int, room: int
) -> None:
    claims.learn("async", 3600.0)
    limit = claims.limits({"async": in_hand}).get("async")
    assert (limit.entries if limit else 0) == room


def test_a_full_handler_takes_no_room_from_another(claims: Claims) -> None:
    @claims.registry.on("*", name="other")
    async def other(event: SeamEvent) -> None: ...

    claims.learn("async", 3600.0)
    assert set(claims.limits({"async": PLACES})) == {"sync", "other"}


@pytest.mark.parametrize(
    ("seconds", "share"), [(3600.0, 1), (BATCH, 1), (0.1, 2), (0.001, 16), (0.0, 16)]
)
def test_of_a_mailbox_as_many_entries_are_claimed_as_are_a_batch_and_sixteen_at_most(
    claims: Claims, seconds: float, share: int
) -> None:
    claims.learn("async", seconds)
    limit = claims.limits()["async"]
    assert limit.share == share


def test_sync_handlers_divide_the_time_of_the_main_thread_and_async_ones_do_not(
    claims: Claims,
) -> None:
    limit = claims.limits()["async"]
    assert (claims.limits()["sync"].is_async, limit.is_async) == (False, True)


@pytest.mark.parametrize("is_async", [False, True])
def test_what_came_before_is_asked_for_handlers_that_can_know_of_it(
    claims: Claims, is_async: bool
) -> None:
    def told(event: SeamEvent, context: Context) -> None: ...

    async def told_async(event: SeamEvent, context: Context) -> None: ...

    handler: Any = told_async if is_async else told
    claims.registry.on("*", name="told")(handler)
    past = {one.handler: one.past for one in claims.limits().values()}
    assert past == {"sync": False, "async": False, "told": True}


# Handlers of which few mailboxes may be at work at a time, everywhere


def limited(claims: Claims, *, is_async: bool) -> None:
    """Register a handler with a `concurrency`."""

    async def later(event: SeamEvent) -> None: ...

    handler: Any = later if is_async else lambda event: None
    claims.registry.on("*", name="limited", concurrency=3)(handler)


def test_of_a_limited_sync_handler_one_mailbox_is_claimed_at_a_time(claims: Claims) -> None:
    limited(claims, is_async=False)
    assert claims.limits()["limited"].mailboxes == 1
    assert "limited" not in claims.limits(at_work={"limited": 1})


def test_of_a_limited_async_handler_nothing_is_claimed_that_would_wait(claims: Claims) -> None:
    limited(claims, is_async=True)
    claims.learn("limited", 0.0)
    assert claims.limits()["limited"].mailboxes == PLACES
    assert claims.limits(at_work={"limited": 30})["limited"].mailboxes == PLACES - 30
    assert "limited" not in claims.limits(at_work={"limited": PLACES})


# Sync handlers that keep others waiting for long


def test_of_a_handler_that_never_ran_nobody_knows_whether_it_is_slow(claims: Claims) -> None:
    assert claims.limits()["sync"].slow is None


@pytest.mark.parametrize(("seconds", "slow"), [(SLOW / 2, False), (2 * SLOW, True)])
def test_one_that_takes_seconds_is_slow_beside_a_quick_one(
    claims: Claims, seconds: float, slow: bool
) -> None:
    claims.registry.on("*", name="quick")(lambda event: None)
    claims.learn("sync", seconds)
    assert claims.limits()["sync"].slow is slow


def test_one_that_takes_seconds_keeps_nobody_waiting_where_all_do(claims: Claims) -> None:
    claims.registry.on("*", name="other")(lambda event: None)
    claims.learn("sync", 2 * SLOW)
    claims.learn("other", 3 * SLOW)
    assert [claims.limits()[name].slow for name in ("sync", "other")] == [False, False]


def test_an_async_handler_that_blocked_is_slow_for_a_minute(claims: Claims) -> None:
    claims.registry.on("*", name="other")(claims.handler("async").function)
    assert claims.limits()["async"].slow is None
    claims.run_times.learn_that_it_blocks(claims.handler("async"))
    claims.learn("async", 3600.0)
    claims.learn("other", 3600.0)  # it was kept waiting, too
    for claims.now, slow in [(0.0, True), (59.0, True), (61.0, False)]:
        assert claims.limits()["async"].slow is slow
        assert claims.limits()["other"].slow is False


def test_one_that_blocks_keeps_nobody_waiting_if_it_is_alone(claims: Claims) -> None:
    claims.run_times.learn_that_it_blocks(claims.handler("async"))
    assert claims.run_times.no_more_of(claims.handler("async")).slow is False
    assert claims.limits()["async"].slow is False
