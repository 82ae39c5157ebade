"""How much of a replay is put into mailboxes at once."""

import pytest

from bellhop.replaying import MOST_WAITING, Pace


class Workers:
    """So many entries side by side, each for so many seconds."""

    def __init__(self, side_by_side: int, seconds: float) -> None:
        self.side_by_side = side_by_side
        self.seconds = seconds

    def handle(self, pace: Pace, duration: float) -> list[float]:
        """Work off what a replay puts in; return how long each waited that was put in last."""
        waits = []
        passed = 0.0
        while passed < duration:
            # All the room is put in at once, and worked off in rounds.
            put = waiting = pace.room
            while waiting:
                passed += self.seconds
                handled = min(waiting, self.side_by_side)
                waiting -= handled
                pace.learn(handled, waiting, self.seconds)
            waits.append(-(-put // self.side_by_side) * self.seconds)
        return waits


@pytest.mark.parametrize("side_by_side", [1, 4, 100])
@pytest.mark.parametrize("seconds", [0.0002, 0.01, 0.1, 1.0, 30.0])
def test_other_mail_waits_for_little_more_than_one_entry(side_by_side: int, seconds: float) -> None:
    waits = Workers(side_by_side, seconds).handle(Pace(), duration=200 * seconds + 5)
    assert max(waits) <= 2 * seconds + 1.0


@pytest.mark.parametrize(("side_by_side", "seconds"), [(4, 0.01), (100, 1.0), (1, 0.0002)])
def test_workers_have_enough_to_do(side_by_side: int, seconds: float) -> None:
    pace = Pace()
    Workers(side_by_side, seconds).handle(pace, duration=100 * seconds + 10)
    assert pace.room >= min(side_by_side, MOST_WAITING)
    assert pace.room <= MOST_WAITING


def test_fast_workers_get_all_the_room_within_a_second() -> None:
    pace = Pace()
    Workers(1, 0.0001).handle(pace, duration=1.0)
    assert pace.room >= MOST_WAITING / 2
