"""What a handler leaves behind: no other handler, and none of Bellhop's own lines, see it."""

import asyncio
import contextvars
import decimal
import gc
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from bellhop import Context, SeamEvent
from bellhop_workers.loop import HandlerLoop
from bellhop_workers.mailbox import ClaimedMailbox
from tests.workers.conftest import Workplace

tenant = contextvars.ContextVar("tenant", default="nobody")

METADATA = {"room": "101", "guests": ["Ada"]}
ERRORS = [{"error_code": "offline", "message": "away", "created_at": "2026-01-31T12:00:00Z"}]


def spoil(event: Any) -> None:
    event.device_custom_metadata["room"] = "changed"
    event.device_custom_metadata["guests"].append("changed")
    event.device_errors[0].message = "changed"
    event.device_errors.append("changed")
    event.unknown["changed"] = True
    event.added = "changed"
    event.device_id = "changed"
    event.event_id = "changed"
    event.event_type = "changed"
    event.occurred_at = None
    del event.connected_account_id


def test_each_handler_has_an_event_of_its_own(workplace: Workplace) -> None:
    seen: list[str] = []

    @workplace.on("device.*", name="spoils")
    def spoils(event: SeamEvent) -> None:
        spoil(event)

    @workplace.on("device.*", name="looks")
    def looks(event: SeamEvent) -> None:
        seen.append(event.model_dump_json())

    @workplace.on("device.*", name="spoils_too")
    async def spoils_too(event: SeamEvent) -> None:
        spoil(event)

    @workplace.on("device.*", name="looks_too")
    async def looks_too(event: SeamEvent) -> None:
        seen.append(event.model_dump_json())

    event_id = workplace.deliver(
        "device.disconnected",
        connected_account_id="account",
        device_custom_metadata=METADATA,
        device_errors=ERRORS,
        unknown={"new": 1},
        occurred_at="2026-01-31T12:00:00Z",
    )
    workplace.work()
    assert workplace.state(event_id) == "done"
    assert len(seen) == 2
    assert seen[0] == seen[1]
    assert "changed" not in seen[0]


@pytest.mark.parametrize("is_async", [False, True])
def test_the_lines_about_a_handler_name_the_event_as_it_came(
    workplace: Workplace, is_async: bool
) -> None:
    def handle(event: Any, context: Context) -> None:
        spoil(event)
        context.log.warning("from the handler")
        raise ValueError("after it changed the event")

    async def handle_async(event: Any, context: Context) -> None:
        handle(event, context)

    workplace.on("device.*", name="mine", attempts=1)(handle_async if is_async else handle)
    event_id = workplace.deliver(
        "device.disconnected",
        device="front",
        connected_account_id="account",
        device_custom_metadata=METADATA,
        device_errors=ERRORS,
        unknown={},
    )
    with capture_logs() as lines:
        workplace.work()

    told = [line for line in lines if line["event"] in ("from the handler", "handler gave up")]
    assert len(told) == 2
    for line in told:
        assert line["event_id"] == event_id
        assert line["device_id"] == "front"
        assert line["event_type"] == "device.disconnected"


def test_a_door_code_that_the_handler_took_out_of_the_event_is_masked_in_its_error(
    workplace: Workplace,
) -> None:
    @workplace.on("access_code.*")
    def takes_it(event: Any) -> None:
        code, event.code = event.code, None
        raise ConnectionError(f"the lock refused {code}")

    event_id = workplace.deliver("access_code.set_on_device", access_code_id="ac", code="739155")
    workplace.work()
    assert "the lock refused ••••" in workplace.record(event_id, takes_it)["error"]


def test_what_is_stale_is_told_by_when_the_event_occurred(workplace: Workplace) -> None:
    stale: list[bool] = []

    @workplace.on("lock.*")
    def handler(event: Any, context: Context) -> None:
        stale.append(context.stale)
        event.occurred_at = None

    workplace.deliver(occurred_at="2026-01-31T12:00:00Z")
    workplace.deliver(occurred_at="2026-01-31T11:00:00Z")
    workplace.work()
    assert stale == [False, True]


def test_each_run_has_a_context_of_its_own(workplace: Workplace) -> None:
    seen: list[tuple[str, int, dict[str, Any]]] = []
    decimal.setcontext(decimal.Context(prec=50))  # as a module of handlers may

    def leave() -> None:
        seen.append(
            (tenant.get(), decimal.getcontext().prec, structlog.contextvars.get_contextvars())
        )
        tenant.set("somebody")
        decimal.getcontext().prec = 2
        structlog.contextvars.bind_contextvars(guest="Ada")

    @workplace.on("lock.*", name="sync")
    def sync(event: SeamEvent) -> None:
        leave()

    @workplace.on("lock.*", name="async")
    async def later(event: SeamEvent) -> None:
        leave()
        await asyncio.sleep(0)
        assert tenant.get() == "somebody"

    try:
        for device in ("a", "a", "b"):
            workplace.deliver(device=device)
        workplace.work()
    finally:
        decimal.setcontext(decimal.Context())
    assert seen == [("nobody", 50, {})] * 6


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """Another directory; what the worker does not put back is put back after the test."""
    here, handlers = Path.cwd(), {one: signal.getsignal(one) for one in (signal.SIGTERM,)}
    (tmp_path / "elsewhere").mkdir()
    yield tmp_path / "elsewhere"
    os.chdir(here)
    for number, handler in handlers.items():
        signal.signal(number, handler)


def umask() -> int:
    os.umask(mask := os.umask(0o022))
    return mask


LEFT: list[tuple[Callable[[], object], Callable[[], object]]] = [
    (lambda: os.chdir("elsewhere"), Path.cwd),
    (lambda: os.umask(0o777), umask),
    (lambda: socket.setdefaulttimeout(0.001), socket.getdefaulttimeout),
    (lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN), lambda: signal.getsignal(15)),
    (lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN), lambda: signal.getsignal(17)),
    (lambda: sys.setrecursionlimit(150), sys.getrecursionlimit),
    (gc.disable, gc.isenabled),
    (lambda: setattr(sys, "stdout", None), lambda: sys.stdout),
    (lambda: setattr(sys, "stderr", None), lambda: sys.stderr),
]


@pytest.mark.parametrize(("leave", "look"), LEFT)
def test_what_belongs_to_the_process_is_put_back_after_a_sync_handler(
    workplace: Workplace, elsewhere: Path, leave: Callable[[], object], look: Callable[[], object]
) -> None:
    seen: list[object] = []

    @workplace.on("lock.*", name="leaves")
    def leaves(event: SeamEvent) -> None:
        leave()
        if event.event_id == "e2":
            raise ValueError("and fails, too")

    @workplace.on("lock.*", name="looks")
    def looks(event: SeamEvent) -> None:
        seen.append(look())

    for _ in range(2):
        workplace.deliver()
    before = look()
    workplace.work()
    assert seen == [before, before]


@pytest.mark.parametrize("late", [0.0, 0.5])
def test_what_an_async_handler_left_is_put_back_when_its_devices_events_are_through(
    workplace: Workplace, elsewhere: Path, monkeypatch: pytest.MonkeyPatch, late: float
) -> None:
    """Also when the main thread settles the mailbox before the event loop is through with it."""
    go_on = HandlerLoop._go_on

    def go_on_late(self: HandlerLoop, mailbox: ClaimedMailbox, line: Any) -> None:
        if mailbox.through:
            time.sleep(late)
        go_on(self, mailbox, line)

    monkeypatch.setattr(HandlerLoop, "_go_on", go_on_late)

    @workplace.on("lock.*")
    async def leaves(event: SeamEvent) -> None:
        os.chdir(elsewhere)

    before = Path.cwd()
    workplace.deliver()
    workplace.work()
    assert Path.cwd() == before


def test_a_handler_that_closes_what_the_worker_goes_back_by_does_not_end_it(
    workplace: Workplace,
) -> None:
    @workplace.on("lock.*")
    def closes(event: SeamEvent) -> None:
        os.close(workplace.runtime.surroundings._directory)

    first, second = workplace.deliver(), workplace.deliver()
    workplace.work()
    assert workplace.state(first) == "done"
    assert workplace.state(second) == "retrying"  # it is closed already
    workplace.runtime.surroundings._directory = -1  # its number may be another file's by now
