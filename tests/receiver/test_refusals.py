"""What is refused is told once, and then counted."""

import asyncio

from structlog.testing import capture_logs

from bellhop_receiver.refusals import Refusals, Tally


def test_the_first_of_a_kind_is_told() -> None:
    tally = Tally()
    assert tally.add("no id")
    assert tally.add("no signature")


def test_more_of_a_kind_are_counted() -> None:
    tally = Tally()
    assert [tally.add(reason) for reason in ("a", "a", "b", "a", "b")] == [1, 0, 1, 0, 0]
    assert tally.take() == {"a": 2, "b": 1}


def test_what_was_taken_is_not_counted_again() -> None:
    tally = Tally()
    for _ in range(3):
        tally.add("a")
    assert tally.take() == {"a": 2}
    assert not tally.add("a")
    assert tally.take() == {"a": 1}


def test_reasons_that_differ_in_their_numbers_are_of_one_kind() -> None:
    tally = Tally()
    tally.add("310 s behind, more than 300 s")
    assert not tally.add("86400 s behind, more than 300 s")
    assert tally.take() == {"86400 s behind, more than 300 s": 1}


def test_after_a_pause_without_any_the_next_is_told() -> None:
    tally = Tally()
    tally.add("a")
    assert tally.take() == {}
    assert tally.add("a")


class Clock(asyncio.SelectorEventLoop):
    """A loop whose time passes only when it is told to."""

    now = 0.0

    def time(self) -> float:
        return self.now


def lines_of(*minutes: int) -> list[dict[str, object]]:
    """Return what is logged when so many are refused in one minute after the other."""

    async def refuse() -> None:
        clock = asyncio.get_running_loop()
        assert isinstance(clock, Clock)
        refusals = Refusals()
        for count in minutes:
            for _ in range(count):
                refusals.add("no signature")
            clock.now += 60.1
            await asyncio.sleep(0)  # what is due is done before what comes after
            await asyncio.sleep(0)

    with capture_logs() as lines, asyncio.Runner(loop_factory=Clock) as runner:
        runner.run(refuse())
    return [dict(line) for line in lines]


FIRST = {"event": "refused a webhook", "log_level": "warning", "reason": "no signature"}


def more(count: int) -> dict[str, object]:
    return {
        "event": "refused more webhooks",
        "log_level": "warning",
        "refused": count,
        "reasons": {"no signature": count},
    }


def test_one_refusal_is_one_line() -> None:
    assert lines_of(1) == [FIRST]


def test_ten_thousand_refusals_are_two_lines() -> None:
    assert lines_of(10_000) == [FIRST, more(9_999)]


def test_each_minute_with_refusals_ends_with_a_line() -> None:
    assert lines_of(3, 5, 1) == [FIRST, more(2), more(5), more(1)]


def test_a_quiet_minute_says_nothing_and_then_all_begins_again() -> None:
    assert lines_of(1, 0, 1) == [FIRST, FIRST]
    assert lines_of(2, 0, 2, 0) == [FIRST, more(1), FIRST, more(1)]


def test_what_was_counted_is_told_at_the_end() -> None:
    async def refuse() -> None:
        refusals = Refusals()
        for _ in range(3):
            refusals.add("no signature")
        refusals.close()

    with capture_logs() as lines:
        asyncio.run(refuse())
    assert lines == [FIRST, more(2)]
