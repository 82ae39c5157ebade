"""A process that is out of memory, files or threads is at fault, and no handler."""

import errno

import pytest

from bellhop import SeamEvent
from bellhop_workers.process_faults import process_fault
from bellhop_workers.shift import Shift
from tests.workers.conftest import Workplace


def caused_by(cause: BaseException) -> BaseException:
    """Return an error that a library made of another."""
    error = ConnectionError("cannot connect")
    error.__cause__ = cause
    return error


FAULTS = [
    MemoryError(),
    OSError(errno.EMFILE, "Too many open files"),
    OSError(errno.ENFILE, "Too many open files in system"),
    OSError(errno.ENOMEM, "Cannot allocate memory"),
    RuntimeError("can't start new thread"),
    caused_by(OSError(errno.EMFILE, "Too many open files")),
]


@pytest.mark.parametrize("error", FAULTS, ids=repr)
def test_what_a_process_lacks_is_told_by_the_error_or_its_cause(error: BaseException) -> None:
    assert process_fault(error)


@pytest.mark.parametrize(
    "error", [ValueError(), OSError(errno.EACCES, "no"), RuntimeError("no"), OSError()], ids=repr
)
def test_other_errors_are_the_handlers(error: BaseException) -> None:
    assert process_fault(error) == ""


@pytest.mark.parametrize("is_async", [False, True])
def test_it_costs_no_attempt_and_the_worker_begins_nothing_more(
    workplace: Workplace, is_async: bool
) -> None:
    ran: list[str] = []

    def fails(event: SeamEvent) -> None:
        ran.append(event.event_id)
        raise MemoryError

    async def fails_async(event: SeamEvent) -> None:
        fails(event)

    handler = workplace.on("*", attempts=1)(fails_async if is_async else fails)
    first, second = workplace.deliver(device="a"), workplace.deliver(device="a")
    workplace.runtime.subscribe()
    shift = Shift(workplace.runtime)
    shift.run()

    assert shift.fault
    assert ran == [first]
    record = workplace.record(first, handler)
    assert (record["state"], record["uncounted"]) == ("retrying", 1)
    assert workplace.state(first) == "retrying"

    other = workplace.next_worker()
    other.work()
    assert ran == [first, second]
