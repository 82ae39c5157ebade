"""One log: its two forms, its levels, and what it must not hold."""

import json
import logging
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
import structlog

from bellhop import SeamEvent
from bellhop.handler import Context
from bellhop.known_secrets import known_secrets
from bellhop.logs import configure_logs, get_logger
from bellhop.signature import Delivery
from bellhop.testing import make_event


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_away_from_a_terminal_each_line_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(None, "info")
    structlog.get_logger().info("handler failed", event_id="e1", attempt=2)

    [line] = lines(capsys)
    assert line["message"] == "handler failed"
    assert (line["event_id"], line["attempt"], line["level"]) == ("e1", 2, "info")
    assert str(line["time"]).endswith("Z")


def test_for_a_person_lines_are_text(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("console", "info")
    structlog.get_logger().warning("handler failed", event_id="e1")

    assert "handler failed" in (text := capsys.readouterr().err)
    assert "event_id=e1" in text


def test_a_person_reads_first_which_handler_failed_and_why(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logs("console", "info")
    structlog.get_logger().warning(
        "handler failed",
        attempt=2,
        device_id="69b8a0aa-1789-50c8-ab5b-c17c5b0cfa1d",
        event_id="918fe394-321e-4944-951e-5cebd447d556",
        error="ConnectionError: closed",
        handler="doors.tell",
    )
    time, line = capsys.readouterr().err.split(" ", 1)
    assert re.fullmatch(r"\d\d:\d\d:\d\dZ", time)
    assert line == (
        "[warning  ] handler failed handler=doors.tell error='ConnectionError: closed' "
        "event_id=918fe394 device_id=69b8a0aa attempt=2\n"
    )


def test_at_debug_level_libraries_stay_at_info(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("json", "debug")
    for name in ("httpcore.http11", "httpx", "botocore.hooks", "hotel.doors"):
        logging.getLogger(name).debug("buries everything")
    logging.getLogger("hotel.doors").info("a line of the user's")
    logging.getLogger("bellhop_workers").debug("a line of ours")
    assert [line["message"] for line in lines(capsys)] == ["a line of the user's", "a line of ours"]


def test_debug_lines_are_shown_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("json", "info")
    structlog.get_logger().debug("accepted")
    assert lines(capsys) == []

    structlog.reset_defaults()
    configure_logs("json", "debug")
    structlog.get_logger().debug("accepted")
    assert [line["message"] for line in lines(capsys)] == ["accepted"]


def test_libraries_lines_have_the_same_form(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("json", "info")
    logging.getLogger("uvicorn.error").error("boom %s", 1)
    logging.getLogger("rq.worker").info("57 of these a job")

    [line] = lines(capsys)
    assert (line["message"], line["logger"]) == ("boom 1", "uvicorn.error")


def context(event: SeamEvent) -> Context:
    return Context(event, "h", 1, "m1", datetime(2026, 1, 31, tzinfo=UTC))


@pytest.mark.parametrize("format", ["json", "console"])
def test_door_codes_are_dots(capsys: pytest.CaptureFixture[str], format: str) -> None:
    configure_logs(format, "info")  # type: ignore[arg-type]
    event = make_event("access_code.set_on_device", code="739155")
    known_secrets.remember(event.raw)
    structlog.get_logger().info("event", code="739155", seen=event)
    logging.getLogger("mine").info("seen %r", event)
    try:
        raise ValueError(event)  # noqa: TRY301
    except ValueError:
        structlog.get_logger().exception("failed", event_seen=event)

    text = capsys.readouterr().err
    assert "739155" not in text
    assert "••••" in text


@pytest.mark.parametrize("format", ["json", "console"])
@pytest.mark.parametrize(
    "values",
    [
        {"data": {"code": "739155"}},
        {"data": [{"deep": [{"access_code": "739155"}]}]},
        {"data": '{"code": "739155"}'},
        {"data": b'{"code": "739155"}'},
        {"data": {"raw": b'{"code": "739155"}'}},
    ],
)
def test_door_codes_inside_of_values_are_dots(
    capsys: pytest.CaptureFixture[str], format: str, values: dict[str, object]
) -> None:
    configure_logs(format, "info")  # type: ignore[arg-type]
    structlog.get_logger().info("seen", **values)
    text = capsys.readouterr().err
    assert "739155" not in text
    assert "••••" in text


class Strange:
    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


@pytest.mark.parametrize("format", ["json", "console"])
@pytest.mark.parametrize(
    "value",
    [
        "used 739155",
        ["739155"],
        {"739155": {"used": "739155"}},
        ("x", 739155),
        {739155},
        739155,
        b"used 739155",
        Strange("used 739155"),
        ValueError("used 739155"),
        make_event("lock.unlocked", method="739155"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_in_a_line_about_an_event_its_codes_are_dots_wherever_they_stand(
    capsys: pytest.CaptureFixture[str], format: str, value: object
) -> None:
    configure_logs(format, "info")  # type: ignore[arg-type]
    event = make_event("access_code.set_on_device", code="739155")
    log = context(event).log
    log.warning("used 739155", value=value, all=event.model_dump(), raw=event.raw)
    try:
        raise ValueError("used 739155")  # noqa: TRY301
    except ValueError:
        log.exception("failed")
    text = capsys.readouterr().err
    assert "739155" not in text
    assert "••••" in text


@pytest.mark.parametrize("code", [404, -32601, "not_found"])
def test_the_code_of_an_error_is_no_door_code(
    capsys: pytest.CaptureFixture[str], code: object
) -> None:
    configure_logs("json", "info")
    log = context(make_event("access_code.set_on_device", code="739155")).log
    log.info("failed", code=code, answer={"error": {"code": "not_found"}}, body='{"code": 404}')
    [line] = lines(capsys)
    assert (line["code"], line["answer"]) == (code, {"error": {"code": "not_found"}})
    assert "404" in str(line["body"])


@pytest.mark.parametrize(
    "configure",
    [
        lambda: structlog.configure(processors=[structlog.stdlib.filter_by_level]),
        lambda: structlog.configure(processors=[], logger_factory=lambda: 1 / 0),
        structlog.reset_defaults,
        lambda: logging.basicConfig(handlers=[logging.NullHandler()], force=True),
        lambda: logging.disable(logging.CRITICAL),
    ],
)
def test_our_own_lines_do_not_depend_on_what_others_configure(
    capsys: pytest.CaptureFixture[str], configure: Callable[[], None]
) -> None:
    early = get_logger("workers")
    configure_logs("json", "info")
    configure()
    early.info("here", number=1)
    early.debug("not here")
    context(make_event("access_code.set_on_device", code="739155")).log.warning("code 739155")
    logging.disable(logging.NOTSET)
    first, second = lines(capsys)
    assert (first["message"], first["number"]) == ("here", 1)
    assert second["message"] == "code ••••"


class Broken:
    def __repr__(self) -> str:
        raise RuntimeError


ENDLESS: list[object] = []
ENDLESS.append(ENDLESS)


@pytest.mark.parametrize("about_an_event", [False, True])
@pytest.mark.parametrize("format", ["json", "console"])
@pytest.mark.parametrize(
    "value",
    [
        Broken(),
        [Broken()],
        ENDLESS,
        {("a", 1): {2: 3}},
        10**5000,
        [10**5000],
        "\ud800",
        float("nan"),
    ],
    ids=["broken", "broken inside", "endless", "keys", "digits", "digits inside", "half", "NaN"],
)
def test_a_log_never_fails_for_what_it_is_given(
    capsys: pytest.CaptureFixture[str], format: str, value: object, about_an_event: bool
) -> None:
    configure_logs(format, "info")  # type: ignore[arg-type]
    log = structlog.get_logger()
    if about_an_event:
        log = context(make_event("access_code.set_on_device", code="739155")).log
    log.info("seen", value=value, other=1)
    assert "seen" in capsys.readouterr().err


def test_what_an_author_logs_under_a_name_like_a_codes_is_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logs("json", "info")
    structlog.get_logger().info("failed", exit_code=1, access_code="an id", sent=None, ok=True)
    [line] = lines(capsys)
    assert (line["exit_code"], line["access_code"], line["sent"], line["ok"]) == (
        *(1, "an id", None, True),
    )


def test_a_line_gives_no_orders_to_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("console", "info")
    structlog.get_logger().info("seen", value="\x1b[2J", other="\x9b2J")
    text = capsys.readouterr().err
    assert "\x1b[2J" not in text
    assert "\x9b" not in text
    assert "\\x1b[2J" in text


def test_a_named_tuple_says_itself_what_is_seen_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(None, "info")
    delivery = Delivery("msg_1", datetime(2026, 1, 31, tzinfo=UTC), b'{"name": "Front door"}')
    structlog.get_logger().info("here", delivery=delivery)

    [line] = lines(capsys)
    assert "msg_1" in str(line["delivery"])
    assert "Front door" not in str(line)
