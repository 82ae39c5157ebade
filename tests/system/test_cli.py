"""What the commands say: tables, answers, and one clear message for each thing that goes wrong."""

import json
import socket
import subprocess
from pathlib import Path

import pytest

from bellhop.testing import make_event
from tests.conftest import SECRET
from tests.system.conftest import House, free_port

ROOT = Path(__file__).parents[2]


def refuses(house: House, *arguments: str, code: int = 1) -> str:
    """Run a command that must fail with a message, and return that."""
    done = house.run(*arguments)
    assert done.returncode == code, done
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    return done.stderr.strip()


def test_send_names_the_nearest_types_for_an_unknown_one(house: House) -> None:
    message = refuses(house, "send", "lock.unlokced")
    assert "lock.unlokced" in message
    assert "lock.unlocked" in message


def test_send_takes_the_type_from_its_argument_alone(house: House) -> None:
    message = refuses(house, "send", "lock.unlocked", "-s", "event_type=lock.locked")
    assert "event_type cannot be set: ask for an event of 'lock.locked'" in message


def test_send_names_the_nearest_fields_for_an_unknown_one(house: House) -> None:
    message = refuses(house, "send", "lock.unlocked", "-s", "metod=keycode")
    assert "method" in message


def test_send_wants_a_name_for_each_value(house: House) -> None:
    for given in ("=x", " =x", "=", "method"):
        message = refuses(house, "send", "lock.unlocked", "-s", given, code=2)
        assert f"-s takes FIELD=VALUE, not {given!r}" in message


def test_send_says_what_a_field_takes(house: House) -> None:
    message = refuses(house, "send", "device.low_battery", "-s", "battery_level=half")
    assert "battery_level: expected a number" in message


def test_send_says_so_when_nothing_listens(house: House) -> None:
    message = refuses(house, "send", "lock.unlocked")
    assert f"nothing answers at http://127.0.0.1:{house.port}/webhooks/seam" in message
    assert "is `bellhop up` running?" in message


def test_send_needs_a_secret(lonely_house: House) -> None:
    message = refuses(lonely_house, "send", "lock.unlocked")
    assert "set BELLHOP_WEBHOOK_SECRETS" in message


def test_send_refuses_what_is_no_secret_without_repeating_it(house: House) -> None:
    message = refuses(house, "send", "lock.unlocked", "--secret", "whsec_tooshort")
    assert "signing secret" in message
    assert "tooshort" not in message


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://x/y", "http://", "http://x:port/"])
def test_send_says_what_a_url_looks_like(house: House, url: str) -> None:
    assert "--url" in refuses(house, "send", "lock.unlocked", "--url", url, code=2)


def test_send_shows_what_the_receiver_answered(house: House) -> None:
    house.start("receiver")
    house.await_ready()

    sent = house.run("send", "lock.unlocked", "--count", "3")
    assert [line.split()[0] for line in sent.stdout.splitlines()] == ["202"] * 3
    assert sent.returncode == 0

    wrong = house.run("send", "lock.unlocked", "--secret", "whsec_" + "A" * 32)
    assert wrong.returncode == 1
    assert wrong.stdout.startswith("400 refused: the receiver does not know this secret")
    assert "did not take it" in wrong.stderr


def test_send_takes_new_types_times_and_files(house: House) -> None:
    house.start("receiver")
    house.await_ready()

    sent = house.run("send", "lock.jammed", "-s", "occurred_at=2h", "-s", "lucky_number=7")
    assert sent.stdout.startswith("202 accepted")
    assert "did you mean lock.locked?" in sent.stderr
    [row] = map(json.loads, house.run("events").stdout.splitlines())
    assert (row["event_type"], row["event"]["lucky_number"]) == ("lock.jammed", 7)

    path = house.path / "event.json"
    path.write_bytes(make_event("lock.unlocked", event_id="e1").raw)
    assert "202 accepted" in (said := house.run("send", "--file", str(path)).stdout)
    assert said.endswith("event e1\n")
    again = subprocess.run(
        house.command("send", "--file", "-"),
        input=path.read_bytes(),
        cwd=house.path,
        env=house.environment,
        capture_output=True,
        timeout=60,
    )
    assert again.stdout.startswith(b"200 known already")
    path.write_text('{"event_type": "lock.jammed"}')
    assert (
        "202 quarantined, since it is no Seam event"
        in house.run("send", "--file", str(path)).stdout
    )
    for arguments in ((), ("lock.unlocked", "--file", str(path)), ("--file", "nowhere.json")):
        refuses(house, "send", *arguments, code=2)


def test_handlers_lists_them_in_order_as_json_for_a_pipe(house: House) -> None:
    house.handlers(
        '@on("lock.*", "device.*")\ndef first(event): ...\n'
        '@on("lock.unlocked", name="second one".replace(" ", "-"))\ndef other(event): ...\n'
    )
    listed = house.run("handlers")
    first, second = map(json.loads, listed.stdout.splitlines())
    assert first == {
        "handler": "handlers.mine.first",
        "hook": None,
        "patterns": ["lock.*", "device.*"],
        "attempts": 20,
        "timeout": 30.0,
        "backoff": None,
        "no_retry": [],
        "in_order": False,
        "concurrency": None,
        "max_age": None,
        "where": None,
        "async": False,
        "registered": True,
        "subscription": None,
    }
    assert (second["handler"], second["patterns"]) == ("second-one", ["lock.unlocked"])

    matched = house.run("handlers", "--type", "device.tampered")
    assert json.loads(matched.stdout) == first


def test_handlers_shows_what_each_asks_for(house: House) -> None:
    house.handlers(
        '@on("lock.*", in_order=True, backoff=[5, 60], no_retry=KeyError)\n'
        "async def first(event): ...\n"
        "def waits(attempt): return attempt\n"
        '@on("*", backoff=waits)\ndef other(event): ...\n'
        '@on("lock.*", max_age="90m", where={"method": "keycode"}, concurrency=3)\n'
        "def young(event): ...\n"
    )
    table = " ".join(house.run("handlers", "--table").stdout.split())
    for word in (
        "async, in order,",
        "waits 5, 60 s",
        "no retry of KeyError",
        "waits as waits says",
        "at most 3 at a time",
        "not if older than 90m, where method fits",
    ):
        assert "".join(word.split()) in "".join(table.split()), word
    first, other, young = map(json.loads, house.run("handlers").stdout.splitlines())
    assert (young["max_age"], young["where"], young["concurrency"]) == (5400.0, ["method"], 3)
    assert (first["backoff"], first["no_retry"], first["in_order"]) == ([5, 60], ["KeyError"], True)
    assert other["backoff"] == "waits"


def test_handlers_names_the_lifespan_of_workers(house: House) -> None:
    house.handlers("@lifespan\nasync def opened(): yield\n@on\ndef first(event: LockEvent): ...\n")
    first, opened = map(json.loads, house.run("handlers").stdout.splitlines())
    assert first["handler"] == "handlers.mine.first"
    assert opened == {"lifespan": "handlers.mine.opened", "async": True}
    table = house.run("handlers", "--table").stdout
    assert table.startswith("handlers.mine.opened  lifespan of each worker, async\n")
    assert "lifespan" not in house.run("handlers", "--type", "lock.locked").stdout


def test_handlers_shows_a_table_to_a_person(house: House) -> None:
    house.handlers('@on("lock.*")\nasync def first(event): ...\n')
    table = house.run("handlers", "--table").stdout
    assert "handlers.mine.first" in table
    assert "lock.* (3 types)" in table
    assert "async" in table
    assert all(len(line) <= 80 for line in table.splitlines())


def test_handlers_match_names_the_nearest_types_for_an_unknown_one(house: House) -> None:
    house.handlers('@on("lock.*")\ndef first(event): ...\n')
    assert "did you mean device.removed" in refuses(house, "handlers", "--type", "device.remved")
    assert "no handler runs for phone.deactivated" in refuses(
        house, "handlers", "--type", "phone.deactivated"
    )


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("import no_such_module\n", "no_such_module"),
        ("def broken(:\n", "SyntaxError"),
        ("1 / 0\n", "ZeroDivisionError"),
        ('@on("lok.*")\ndef f(event): ...\n', "lok.*"),
    ],
)
def test_a_handler_module_that_cannot_be_loaded_is_told_once(
    house: House, code: str, says: str
) -> None:
    house.handlers(code)
    for arguments in (("handlers",), ("worker", "-n", "2")):
        message = refuses(house, *arguments, code=78)
        assert message.count("cannot load handlers.mine") == 1
        assert says in message
        assert "mine.py" in message or says == "lok.*"


def test_handlers_of_elsewhere_do_not_hide_those_of_this_directory(house: House) -> None:
    house.handlers('@on("lock.*")\ndef mine(event): ...\n')
    (house.path / "handlers" / "__init__.py").unlink()
    house.environment["PYTHONPATH"] = str(ROOT)  # whose handlers have an __init__.py

    [row] = map(json.loads, house.run("handlers").stdout.splitlines())
    assert row["handler"] == "handlers.mine.mine"


def test_a_port_that_is_taken_is_named(house: House) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", house.port))
        taken.listen()
        for part in ("receiver", "up"):
            message = refuses(house, part)
            assert (
                f"cannot listen on 127.0.0.1 port {house.port}: Address already in use" in message
            )


def test_a_redis_that_cannot_be_reached_is_named_without_its_password(house: House) -> None:
    port = free_port()
    house.environment["BELLHOP_REDIS_URL"] = f"redis://user:hunter2@127.0.0.1:{port}/0"
    for part in ("receiver", "worker", "up"):
        message = refuses(house, part)
        assert f"cannot reach Redis at redis://127.0.0.1:{port}/0" in message
        assert "hunter2" not in message


def test_a_missing_redis_is_said(lonely_house: House) -> None:
    lonely_house.environment["BELLHOP_WEBHOOK_SECRETS"] = SECRET
    for part in ("receiver", "worker"):
        assert "set BELLHOP_REDIS_URL" in refuses(lonely_house, part)


def test_a_missing_secret_is_said(house: House) -> None:
    del house.environment["BELLHOP_WEBHOOK_SECRETS"]
    assert "set BELLHOP_WEBHOOK_SECRETS" in refuses(house, "receiver")


def test_wrong_settings_are_all_named_with_what_is_expected(house: House) -> None:
    house.environment |= {"BELLHOP_PORT": "http", "BELLHOP_SLICE": "soon"}
    message = refuses(house, "worker")
    assert "BELLHOP_PORT: expected a port number from 0 to 65535, got 'http'" in message
    assert "BELLHOP_SLICE: expected seconds" in message


def test_help_lists_the_commands(house: House) -> None:
    shown = house.run("--help").stdout
    for command in ("up", "receiver", "worker", "send", "handlers"):
        assert f"\n  {command} " in shown
