"""`bellhop quarantine`: nothing strange is lost, nothing in it is shown that opens a door."""

import json
from typing import Any

import pytest

from bellhop.cli.quarantine import release
from bellhop.events import NotASeamEvent, parse
from bellhop.ledger import Arrival, Ledger, Quarantine, Quarantined
from tests.bellhop.bodies import of_type
from tests.bellhop.cli.conftest import Run, rows
from tests.one_worker import OneWorker, queued_shifts

HEADERS = {"svix-timestamp": "1614265330", "user-agent": "Svix-Webhooks/1.24"}
GOOD = of_type("access_code.set_on_device", code="4711")
BROKEN = of_type("access_code.set_on_device", code="4711", device_id=5)
PING = b'{"event_type": "ping", "data": {"success": true}}'


def keep(ledger: Ledger, delivery_id: str, body: bytes, problems: Any = None) -> None:
    """Quarantine a body, with the problems that it has."""
    if problems is None:
        with pytest.raises(NotASeamEvent) as caught:
            parse(body)
        problems = caught.value.problems
    ledger.accept([Quarantined(delivery_id, body, problems, HEADERS)])


def keep_what_fits_now(ledger: Ledger, delivery_id: str = "msg_fits", body: bytes = GOOD) -> None:
    """Quarantine what a former version of Bellhop could not read."""
    keep(ledger, delivery_id, body, ("code: expected a number",))


def test_it_lists_what_is_kept_and_why(run: Run, ledger: Ledger) -> None:
    keep(ledger, "msg_1", PING)
    keep(ledger, "msg_2", b"\xff")

    broken, ping = rows(run("quarantine"))
    assert ping["delivery_id"] == "msg_1"
    assert ping["event_type"] == "ping"
    assert ping["bytes"] == len(PING)
    assert ping["problems"] == ["event_id: is missing"]
    assert broken["event_type"] is None
    assert broken["problems"][0].startswith("not JSON: ")


def test_a_person_sees_a_table(run: Run, ledger: Ledger) -> None:
    keep(ledger, "msg_1", BROKEN)
    shown = run("quarantine", "--table").stdout
    assert "msg_1" in shown
    assert "access_code.set_on_device" in shown
    assert "device_id: expected a string, got a number" in " ".join(shown.split())


def test_an_empty_quarantine_is_good_news(run: Run) -> None:
    assert run("quarantine", "--table").stdout == "Nothing is in quarantine.\n"
    assert run("quarantine").stdout == ""


def test_a_long_list_is_cut_and_says_so(run: Run, ledger: Ledger) -> None:
    for number in range(3):
        keep(ledger, f"msg_{number}", PING)
    assert "2 of 3" in run("quarantine", "--table", "--limit", "2").stdout
    assert len(rows(run("quarantine", "--limit", "2"))) == 2


def test_a_pipe_gets_all_of_them_unless_it_wants_less(run: Run, ledger: Ledger) -> None:
    for number in range(60):
        keep(ledger, f"msg_{number}", PING, ("event_id: is missing",))
    assert len(rows(run("quarantine"))) == 60
    assert "50 of 60" in run("quarantine", "--table").stdout


@pytest.mark.parametrize(
    ("option", "named"), [(("--limit", "5"), "--limit"), (("--json",), "--json / --table")]
)
def test_an_option_of_the_list_is_refused_in_front_of_a_command(
    run: Run, ledger: Ledger, option: tuple[str, ...], named: str
) -> None:
    keep_what_fits_now(ledger)
    result = run("quarantine", *option, "retry", "--all")
    assert result.exit_code == 2
    assert f"{named} is for the list" in result.stderr
    assert len(Quarantine(ledger.redis)) == 1


def test_it_shows_one_with_its_headers_problems_and_masked_body(run: Run, ledger: Ledger) -> None:
    keep(ledger, "msg_1", BROKEN)

    (one,) = rows(run("quarantine", "show", "msg_1"))
    assert one["headers"] == HEADERS
    assert one["body"]["code"] == "••••"
    assert one["body"]["device_id"] == 5

    shown = run("quarantine", "show", "--table", "msg_1").stdout
    assert "Svix-Webhooks/1.24" in shown
    assert "device_id: expected a string, got a number" in shown
    assert '"code": "••••"' in shown


@pytest.mark.parametrize(
    "body",
    [
        BROKEN,
        of_type("access_code.set_on_device", code={"digits": "4711"}),
        of_type("access_code.set_on_device", code=["4711"]),
        of_type("access_code.set_on_device", code=4711.5),
        b'{"code": "4711", "code": "4711"}',
        b'{"code": "4711"',
        b'{"code": NaN, "pin": 4711}',
        b'{"pin": "abcd", "code": "abcd", "a": "\xff"}',
        b"the code is 4711",
        b'"the code is 4711"',
        b'"4711"\xff',
        b"4711" * 2000,
        b"[" * 100_000 + b'{"code": "4711"}',
        rb'{"event_type":"\ud800","code":"4711"}',
        rb'{"event_type":"x","\udc00":"\ud800 4711","code":"4711"}',
        rb'{"payload":"{\"code\":\"4711\", \"pin\": \"abcd\"}"}',
        rb'{"payload":"{\"code\":\"abcd"}',
        json.dumps(json.dumps({"code": "abcd"})).encode(),
        json.dumps(json.dumps(json.dumps({"code": "abcd"}))).encode(),
        b'{"code":"4711","event_type":"4711 was set","event_description":"The code 4711 was set"}',
        b'{"code":"abcd","code":"abcd","note":"it is abcd"}',
        b'{"code":["abcd","abcd"],"a":NaN}',
        b"{'code': 'ab abcd ab', 'x': None}",
        b"event_type=x&access_code=abcd&y=1",
        b'{"access_code":"4711","pin_code":4711,"new_codes":["4711"]}',
        b'{"changed_properties":[{"property":"access_code","from":"4711","to":"abcd"}]}',
        of_type("device.low_battery", battery_level="it is abcd", code="abcd"),
    ],
)
def test_no_secret_of_any_body_is_shown(run: Run, ledger: Ledger, body: bytes) -> None:
    keep(ledger, "msg_1", body)
    for arguments in (("quarantine",), ("quarantine", "show", "msg_1")):
        for how in ("--json", "--table"):
            result = run(*arguments, how)
            assert result.exit_code == 0, result.output
            assert "4711" not in result.output
            assert "abcd" not in result.output


@pytest.mark.parametrize("arguments", [("quarantine",), ("quarantine", "show", "msg_1")])
@pytest.mark.parametrize("how", ["--json", "--table"])
@pytest.mark.parametrize(
    "text", ["\x1b[2J", "\n\r", "\x9b", "\u202e", "\x7f", "\ud800", "\U000e0001"]
)
def test_no_body_gives_orders_to_a_terminal(
    run: Run, ledger: Ledger, text: str, arguments: tuple[str, ...], how: str
) -> None:
    keep(ledger, "msg_1", json.dumps({"event_type": text, text: text, "method": text}).encode())
    shown = run(*arguments, how)
    assert shown.exit_code == 0
    assert shown.stdout.encode().decode().replace("\n", "").isprintable()
    if how == "--json":
        assert rows(shown)[0]["event_type"] == text


@pytest.mark.parametrize(
    ("number", "shown"), [(b"NaN", "NaN"), (b"-Infinity", "-Infinity"), (b"1e400", "1e400")]
)
def test_a_number_that_is_none_is_shown_in_json_that_all_can_read(
    run: Run, ledger: Ledger, number: bytes, shown: str
) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    keep(ledger, "msg_1", b'{"event_id": "e", "event_type": "x", "n": ' + number + b"}")
    output = run("quarantine", "show", "msg_1").stdout
    assert shown in str(json.loads(output, parse_constant=refuse)["body"])


def test_a_key_that_stands_twice_is_shown_twice(run: Run, ledger: Ledger) -> None:
    keep(ledger, "msg_1", b'{"event_id":"a","event_type":"x","code":"4711","event_id":"b"}')
    body = '{"event_id":"a","event_type":"x","code":"••••","event_id":"b"}'
    assert rows(run("quarantine", "show", "msg_1"))[0]["body"] == body
    assert body in run("quarantine", "show", "msg_1", "--table").stdout


def test_what_fits_after_an_upgrade_is_handed_to_the_handlers_once(
    run: Run, ledger: Ledger
) -> None:
    worker = OneWorker(ledger, "bell")
    keep_what_fits_now(ledger)

    assert run("quarantine", "retry", "msg_fits").stdout == (
        "1 released, 0 known already, 0 still no event\n"
    )
    assert queued_shifts(ledger.redis) == 1
    (mail,) = worker.claim()
    assert [entry.event.body for entry in mail.entries] == [GOOD]
    assert not len(Quarantine(ledger.redis))

    again = run("quarantine", "retry", "msg_fits")
    assert again.exit_code == 1
    assert "msg_fits is not in quarantine" in again.stderr


def test_what_came_another_way_meanwhile_is_not_handled_twice(run: Run, ledger: Ledger) -> None:
    keep_what_fits_now(ledger, "msg_1")
    keep_what_fits_now(ledger, "msg_2")

    assert run("quarantine", "retry", "--all").stdout == (
        "1 released, 1 known already, 0 still no event\n"
    )
    (mail,) = OneWorker(ledger, "bell").claim()
    assert len(mail.entries) == 1


def test_all_are_released_in_the_order_they_came(run: Run, ledger: Ledger) -> None:
    for number in (3, 1, 2):
        body = of_type("lock.unlocked", event_id=f"e{number}")
        keep_what_fits_now(ledger, f"msg_{number}", body)
    keep(ledger, "msg_ping", PING)

    result = run("quarantine", "retry", "--all")
    assert result.exit_code == 0
    assert result.stdout == "3 released, 0 known already, 1 still no event\n"
    (mail,) = OneWorker(ledger, "bell").claim()
    assert [entry.event.event_id for entry in mail.entries] == ["e3", "e1", "e2"]
    assert [one.delivery_id for one in Quarantine(ledger.redis)] == ["msg_ping"]


def test_what_still_is_no_event_stays_and_fails_if_it_was_named(run: Run, ledger: Ledger) -> None:
    keep(ledger, "msg_1", PING)
    result = run("quarantine", "retry", "msg_1")
    assert result.exit_code == 1
    assert "1 still no event" in result.stdout
    assert len(Quarantine(ledger.redis)) == 1


def test_the_drift_of_what_is_released_is_counted(run: Run, ledger: Ledger) -> None:
    keep_what_fits_now(ledger, body=of_type("lock.unlocked", method="palm_vein"))
    run("quarantine", "retry", "--all")
    assert [row["example"] for row in rows(run("drift"))] == ['"palm_vein"']


def test_drift_that_no_event_had_before_is_told(run: Run, ledger: Ledger) -> None:
    for number in (1, 2):
        body = of_type("lock.unlocked", event_id=f"e{number}", method="palm_vein")
        keep_what_fits_now(ledger, f"msg_{number}", body)
    assert run("quarantine", "retry", "--all").stdout.splitlines() == [
        'msg_1 differs from Seam\'s schema: lock.unlocked, method has a new value: "palm_vein"',
        "2 released, 0 known already, 0 still no event",
    ]


def test_one_that_is_named_twice_counts_once(run: Run, ledger: Ledger) -> None:
    keep_what_fits_now(ledger)
    assert run("quarantine", "retry", "msg_fits", "msg_fits").stdout == (
        "1 released, 0 known already, 0 still no event\n"
    )


def test_a_release_whose_answer_was_lost_counts_and_asks_for_a_shift(ledger: Ledger) -> None:
    OneWorker(ledger, "bell")
    keep_what_fits_now(ledger)
    kept = Quarantine(ledger.redis).get("msg_fits")
    assert kept
    # As redis-py does it, unseen, when the connection breaks before the answer.
    ledger.accept([Arrival.of("msg_fits", parse(GOOD), released=True)])

    assert release(ledger, kept) == ("released", ())
    assert queued_shifts(ledger.redis) == 1


def test_dropping_asks_first(run: Run, ledger: Ledger) -> None:
    keep(ledger, "msg_1", PING)
    keep(ledger, "msg_2", PING)

    assert run("quarantine", "drop", "--all", answer="n\n").exit_code == 1
    assert len(Quarantine(ledger.redis)) == 2
    assert run("quarantine", "drop", "msg_1", "--yes").stdout == "1 dropped\n"
    assert "1 dropped" in run("quarantine", "drop", "--all", answer="y\n").stdout
    assert not len(Quarantine(ledger.redis))


@pytest.mark.parametrize("command", ["retry", "drop"])
@pytest.mark.parametrize("arguments", [(), ("msg_1", "--all")])
def test_it_wants_ids_or_all_of_them(run: Run, command: str, arguments: tuple[str, ...]) -> None:
    result = run("quarantine", command, *arguments)
    assert result.exit_code == 2
    assert "give the ids of deliveries, or --all" in result.stderr


def test_an_unknown_id_is_said_to_be_so(run: Run) -> None:
    result = run("quarantine", "show", "msg_nobody")
    assert result.exit_code == 1
    assert "msg_nobody is not in quarantine; `bellhop quarantine` lists what is" in result.stderr
