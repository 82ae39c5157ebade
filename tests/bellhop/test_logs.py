"""One log: its two forms, its levels, and what it must not hold."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from bellhop.logs import configure_logs
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


@pytest.mark.parametrize("format", ["json", "console"])
def test_door_codes_are_dots(capsys: pytest.CaptureFixture[str], format: str) -> None:
    configure_logs(format, "info")  # type: ignore[arg-type]
    event = make_event("access_code.set_on_device", code="739155")
    structlog.get_logger().info("event", code="739155", seen=event)
    logging.getLogger("mine").info("seen %r", event)
    try:
        raise ValueError(event)  # noqa: TRY301
    except ValueError:
        structlog.get_logger().exception("failed", event_seen=event)

    text = capsys.readouterr().err
    assert "739155" not in text
    assert "••••" in text
