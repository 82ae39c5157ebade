"""What is kept of an error: never a door code, and never more than fits on a few screens."""

import json

import pytest

from bellhop import AccessCodeSetOnDeviceEvent, Context, Drop, Retry, SeamEvent
from bellhop.ledger import DeadLetters
from bellhop_workers.said import cut
from tests.workers.conftest import Workplace

SET = "access_code.set_on_device"
CODE = "73915842"
MOST = 8_000


@pytest.mark.parametrize("error", [Retry, Drop, ValueError])
def test_an_error_of_a_megabyte_makes_a_small_record(
    workplace: Workplace, error: type[Exception]
) -> None:
    @workplace.on("lock.*", attempts=1)
    def talks(event: object) -> None:
        raise error("x" * 10**6)

    workplace.deliver()
    workplace.work()
    record = workplace.record("e1", talks)
    assert "xxx" in record["error"]
    assert len(json.dumps(record)) < 2 * MOST


@pytest.mark.parametrize("error", [Retry, Drop, ValueError])
@pytest.mark.parametrize("before", range(MOST // 2 - 20, MOST // 2 + 8, 3))
def test_no_part_of_a_code_is_left_where_the_text_is_cut(
    workplace: Workplace, error: type[Exception], before: int
) -> None:
    @workplace.on(SET, attempts=1)
    def talks(event: AccessCodeSetOnDeviceEvent) -> None:
        raise error("x" * before + f"{event.code}" + "y" * 10**4)

    workplace.deliver(SET, access_code_id="a1", code=CODE)
    workplace.work()
    kept = json.dumps(workplace.record("e1", talks)["error"])
    assert not any(CODE[at : at + 3] in kept for at in range(len(CODE) - 2))


def test_an_error_that_cannot_be_read_is_bounded(workplace: Workplace) -> None:
    workplace.on("*")(lambda event: None)
    workplace.deliver()
    workplace.ledger.redis.hset("{bellhop}:event:e1", "body", "[" * 10**5)
    workplace.work()
    (letter,) = DeadLetters(workplace.ledger.redis)
    assert letter.error.startswith("cannot be read any more")
    assert len(letter.error) <= MOST


@pytest.mark.parametrize("length", [0, MOST, MOST + 1, 10**6])
def test_what_was_cut_is_not_cut_again(length: int) -> None:
    text = cut("x" * length)
    assert len(text) <= MOST
    assert cut(text) == text
    assert ("[…]" in text) == (length > MOST)


def test_a_handler_whose_error_ends_in_half_a_character_is_tried_again(
    workplace: Workplace,
) -> None:
    attempts: list[int] = []

    @workplace.on("lock.*")
    def cuts(event: SeamEvent, context: Context) -> None:
        attempts.append(context.attempt)
        raise ValueError("no key \ud83d")

    workplace.deliver()
    workplace.work()
    workplace.later()
    workplace.work()
    assert attempts == [1, 2]
    assert workplace.record("e1", cuts)["error"].endswith("ValueError: no key ?\n")
