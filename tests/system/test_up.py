"""`bellhop up`: everything on one machine, started and stopped as a newcomer does."""

import os
import re
import signal
import time
from pathlib import Path

import pytest

from tests.slack import slack
from tests.system.conftest import House, command_line, descendants, eventually

EXAMPLE = Path(__file__).with_name("example_handlers.py")
"""The shipped example. A copy, since everybody is invited to change the other."""


def start_up(house: House, *options: str) -> int:
    """Start it, wait until it is ready, and return its pid."""
    process = house.start("up", "--port", str(house.port), "--workers", "1", *options)
    house.await_ready()
    return process.pid


def test_a_test_event_reaches_the_example_handler(lonely_house: House) -> None:
    house = lonely_house
    (house.path / "handlers" / "example.py").write_text(EXAMPLE.read_text())
    start_up(house)

    sent = house.run("send", "lock.unlocked", "-s", "method=keycode")
    assert (sent.returncode, sent.stdout[:12]) == (0, "202 accepted")
    eventually(lambda: "🔒 lock.unlocked at" in house.output(), "the handler's line appears")
    assert "by keycode" in house.output()

    repeated = house.run("send", "access_code.set_on_device", "--repeat-id")
    assert [line.split()[0] for line in repeated.stdout.splitlines()] == ["202", "200"]
    eventually(lambda: "🔑 access_code.set_on_device" in house.output(), "so does the other's")
    assert house.output().count("🔑") == 1


@pytest.mark.skipif(not os.environ.get("CI"), reason="handlers/ is the user's, but for CI")
def test_the_copy_of_the_example_is_what_is_shipped() -> None:
    shipped = Path(__file__).parents[2] / "handlers" / "example.py"
    assert EXAMPLE.read_text() == shipped.read_text()


def test_it_stops_all_it_started_and_finds_its_data_again(lonely_house: House) -> None:
    house = lonely_house
    (house.path / ".env").write_text("GREETING=from the file\nHOME=/nowhere\n")
    house.handlers(
        'WORDS = os.environ["GREETING"], os.environ["HOME"] == "/nowhere"\n'
        '@on("lock.*")\ndef handle(event): ran(event.event_id, *WORDS)\n'
    )
    pid = start_up(house)
    assert "201" not in house.run("send", "lock.unlocked", "-s", "event_id=once").stdout
    house.await_lines(1)
    started = descendants(pid)
    secret = (house.path / ".bellhop/private/signing-secret").read_text()

    os.kill(pid, signal.SIGINT)
    eventually(lambda: not any(command_line(one) for one in started), "all processes are gone")
    eventually(lambda: "bellhop: stopped" in house.output(), "it says so")

    start_up(house)
    again = house.run("send", "lock.unlocked", "-s", "event_id=once")
    assert again.stdout.startswith("200 known already")
    assert (house.path / ".bellhop/private/signing-secret").read_text() == secret
    assert house.lines() == ["once from the file False"]


def test_a_second_one_on_the_same_data_is_refused(lonely_house: House) -> None:
    start_up(lonely_house)

    for options in ((), ("--port", "0")):
        second = lonely_house.run("up", *options)

        assert second.returncode == 1
        assert re.match(r"bellhop: bellhop up is running on .* already", second.stderr)
        assert "Traceback" not in second.stderr
    assert lonely_house.run("send", "lock.unlocked").stdout.startswith("202")


def test_two_signals_end_it_at_once_and_leave_nothing(lonely_house: House) -> None:
    house = lonely_house
    house.environment["BELLHOP_GRACE"] = "2m"
    house.handlers(
        '@on("lock.*", timeout=100)\ndef handle(event):\n    ran("began")\n    time.sleep(100)\n'
    )
    pid = start_up(house)
    house.run("send", "lock.unlocked")
    house.await_lines(1)
    started = descendants(pid)

    os.kill(pid, signal.SIGTERM)
    eventually(lambda: not house.listens(), "it takes nothing new")
    eventually(
        lambda: "waiting for a handler" in house.output() and "mine.handle" in house.output(),
        "it says what it waits for",
        shown=house.output,
    )
    assert "bellhop: stopping" in house.output()
    time.sleep(0.5)  # two signals at the same moment count as one
    os.kill(pid, signal.SIGTERM)
    eventually(lambda: "bellhop: stopped" in house.output(), "it stops", within=10 + slack())
    eventually(lambda: not any(command_line(one) for one in started), "nothing is left")

    assert "Traceback" not in house.output()


def test_after_a_kill_it_starts_again_on_the_same_data(lonely_house: House) -> None:
    house = lonely_house
    house.handlers('@on("lock.*")\ndef handle(event): ran(event.event_id)\n')
    pid = start_up(house)
    house.run("send", "lock.unlocked", "-s", "event_id=once")
    house.await_lines(1)
    children = descendants(pid)

    os.kill(pid, signal.SIGKILL)
    orphans = [one for one in children if "valkey" not in command_line(one)]
    eventually(lambda: not any(command_line(one) for one in orphans), "its children follow")

    start_up(house)
    assert house.run("send", "lock.unlocked", "-s", "event_id=once").stdout.startswith("200")


def test_with_reload_a_module_of_the_project_is_picked_up_on_save(lonely_house: House) -> None:
    house = lonely_house
    house.handlers('@on("lock.*")\ndef handle(event): ran("old")\n')
    start_up(house, "--reload")
    house.run("send", "lock.unlocked")
    house.await_lines(1)

    def runs(word: str) -> bool:
        house.run("send", "lock.unlocked")
        return word in house.lines()

    # First the handler, then what it imports, in a folder that was not there; then a change there.
    house.handlers('from desk import bell\n@on("lock.*")\ndef handle(event): ran(bell.word)\n')
    eventually(lambda: "No module named 'desk'" in house.output(), "the missing module is told")
    (house.path / "desk").mkdir()
    (house.path / "desk" / "bell.py").write_text("word = 'new'\n")
    eventually(lambda: runs("new"), "the new handler runs")
    (house.path / "desk" / "bell.py").write_text("word = 'newest'\n")
    eventually(lambda: runs("newest"), "the handler runs with the module that was saved")
    assert "a module was saved: the workers load the handlers again" in house.output()
    assert "without being asked" not in house.output()
    assert house.output().count("20 attempts, 30 s each") == 1


def test_with_reload_a_broken_handler_is_told_and_the_old_one_stays(lonely_house: House) -> None:
    house = lonely_house
    house.handlers('@on("lock.*")\ndef handle(event): ran("old")\n')
    start_up(house, "--reload")
    eventually(lambda: "\nReady." in house.output(), "the old one is loaded")

    house.handlers("@on('lock.unlokced')\ndef handle(event): ran('new')\n")
    eventually(lambda: "did you mean lock.unlocked" in house.output(), "the mistake is told")
    house.run("send", "lock.unlocked")
    house.await_lines(1)

    assert house.lines() == ["old"]
    assert "Traceback" not in house.output()


def test_the_signing_secret_is_not_in_output_that_may_be_kept(lonely_house: House) -> None:
    lonely_house.environment["BELLHOP_WEBHOOK_PATH"] = "/hotel/hooks/"
    start_up(lonely_house)

    # Not about the secret, but an `up` is dear: everybody knows of the other path.
    url = f"http://127.0.0.1:{lonely_house.port}/hotel/hooks"
    assert f"webhook   {url}\n" in lonely_house.output()
    del lonely_house.environment["BELLHOP_WEBHOOK_PATH"]  # who sends reads it where up left it
    assert lonely_house.run("send", "lock.unlocked").stdout.startswith("202 accepted")
    elsewhere = lonely_house.run("send", "lock.unlocked", "--url", url.removesuffix("/hooks"))
    assert elsewhere.stdout.startswith("404")
    assert "it is signed, but came to '/hotel', and webhooks go to /hotel/hooks" in (
        lonely_house.output()
    )

    secret = (lonely_house.path / ".bellhop/private/signing-secret").read_text().strip()
    assert secret.startswith("whsec_")
    assert secret not in lonely_house.output()
    assert (lonely_house.path / ".bellhop/private/signing-secret").stat().st_mode & 0o077 == 0
