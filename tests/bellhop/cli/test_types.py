"""`bellhop types`, in this process."""

import json
import shlex
import subprocess
import sys
from typing import Any

import pytest
from click.testing import CliRunner, Result

import bellhop
from bellhop.cli import main
from bellhop.cli.types import fields_of
from bellhop.events import TYPES, parse
from bellhop.events.drift import schema_of
from bellhop.samples import read_field


def run(*arguments: str, columns: int = 80) -> Result:
    return CliRunner().invoke(main, ["types", *arguments], env={"COLUMNS": str(columns)})


def shown(*arguments: str, columns: int = 80) -> str:
    result = run(*arguments, columns=columns)
    assert result.exit_code == 0, result.output
    return result.stdout


def objects(*arguments: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in shown(*arguments).splitlines()]


def row_of(page: str, name: str) -> str:
    """Return the words of a field's row, and of the lines into which it is wrapped."""
    lines = page.splitlines()
    first = next(i for i, line in enumerate(lines) if line.split()[:1] == [name])
    ends = next(i for i in range(first + 1, len(lines)) if lines[i][:12].strip() or not lines[i])
    return " ".join(" ".join(lines[first:ends]).split())


def test_without_a_pattern_all_types_are_listed_for_a_pipe() -> None:
    listed = objects()
    assert [one["event_type"] for one in listed] == list(TYPES)
    assert {
        "event_type": "lock.unlocked",
        "class": "LockUnlockedEvent",
        "summary": "A door was unlocked.",
    } in listed
    assert all(one["summary"] and hasattr(bellhop, one["class"]) for one in listed)


@pytest.mark.parametrize("columns", [80, 140])
def test_a_person_sees_each_type_whole_with_what_it_means(columns: int) -> None:
    page = shown("--table", columns=columns)
    words = page.split()
    assert set(TYPES) <= set(words)
    assert "The code was handed out." in page
    assert "115 of 115 types." in page
    assert max(map(len, page.splitlines())) <= columns


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("lock.*", ["lock.access_denied", "lock.locked", "lock.unlocked"]),
        ("*.rang", []),
        ("*doorbell*", ["device.doorbell_rang"]),
        ("lock.unlock*", ["lock.unlocked"]),
    ],
)
def test_a_pattern_lists_the_types_that_fit(pattern: str, names: list[str]) -> None:
    if names:
        assert [one["event_type"] for one in objects(pattern)] == names
        assert f"{len(names)} of 115 types." in shown(pattern, "--table")
    else:
        assert run(pattern).exit_code == 1


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        ("lock", "did you mean lock.*?"),
        ("lock.", "did you mean lock.*?"),
        ("lock.unlokced", "did you mean lock.unlocked or lock.locked?"),
        ("lok.*", "did you mean lock.*?"),
        ("zzz", "`bellhop types` lists all"),
    ],
)
def test_a_pattern_that_fits_nothing_is_refused_with_what_may_be_meant(
    pattern: str, hint: str
) -> None:
    result = run(pattern)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == f'bellhop: no known event type fits "{pattern}"; {hint}\n'


@pytest.mark.parametrize("event_type", TYPES)
def test_a_page_shows_the_class_and_each_field_of_any_type(event_type: str) -> None:
    page = shown(event_type, "--table", columns=100)
    assert f"(event: {TYPES[event_type].__name__})" in page
    words = page.split()
    schema = schema_of(TYPES[event_type])
    inside = [name for model in schema.nested.values() for name in schema_of(model).names.values()]
    assert {*schema.names.values(), *inside} <= set(words)


@pytest.mark.parametrize("event_type", TYPES)
def test_the_sample_on_a_page_can_be_copied(event_type: str) -> None:
    page = shown(event_type, "--table")
    event, drift = parse(page[page.index("\n{\n") :].encode())
    assert type(event) is TYPES[event_type]
    assert drift == ()


@pytest.mark.parametrize("event_type", TYPES)
def test_the_command_on_a_page_can_be_sent(event_type: str) -> None:
    page = shown(event_type, "--table")
    line = next(line for line in page.splitlines() if line.startswith("  Send one"))
    send, *options = shlex.split(line.removeprefix("  Send one"))[1:]
    assert [send, options.pop(0)] == ["send", event_type]
    if options:
        assert options.pop(0) == "-s"
        name, _, value = options.pop().partition("=")
        read_field(event_type, name, value)


@pytest.mark.parametrize("event_type", TYPES)
def test_a_pipe_gets_one_object_with_all_of_it(event_type: str) -> None:
    [one] = objects(event_type)
    names = [field["name"] for field in one["fields"]]
    assert one["class"] == TYPES[event_type].__name__
    assert set(names) == set(schema_of(TYPES[event_type]).names.values())
    assert [name for name in names if name in one["sample"]] == list(one["sample"])


def test_a_field_is_told_with_its_type_and_how_often_it_is_sent() -> None:
    page = shown("lock.unlocked", "--table")
    assert row_of(page, "event_id") == "event_id always str"
    assert row_of(page, "created_at") == "created_at usually datetime | None"
    assert row_of(page, "code") == "code sometimes str | None; secret"
    assert row_of(page, "device_custom_metadata").endswith("dict[str, Any] | None")
    assert row_of(page, "method") == (
        "method usually str | None; one of automatic, card, keycode, manual, mobile_key, remote, "
        "seamapi, unknown"
    )
    assert "bellhop send lock.unlocked -s method=keycode" in page


def test_null_secrets_that_depend_and_other_names_in_python_are_told() -> None:
    page = shown("access_code.changed", "--table")
    assert row_of(page, "from") == (
        "from usually str | None; may be null; secret if it is a code; from_ in Python"
    )


def test_the_fields_of_a_class_are_told_once_to_a_person_and_each_time_to_a_pipe() -> None:
    page = shown("device.disconnected", "--table")
    assert page.partition("A sample")[0].count("  warning_code ") == 1
    [one] = objects("device.disconnected")
    issues = {f["name"]: f["fields"] for f in one["fields"] if f["fields"]}
    assert len(issues) == 4
    assert issues["device_errors"] == issues["connected_account_errors"]


def test_a_legend_explains_only_what_is_there() -> None:
    assert "secret" not in shown("device.connected", "--table")
    assert "one of" not in shown("device.connected", "--table")
    page = shown("lock.unlocked", "--table")
    assert "secret     Is shown as ••••" in page
    assert "one of     The values known today" in page


def test_fields_that_are_always_sent_come_first() -> None:
    sent = [field.sent for field in fields_of(TYPES["device.disconnected"])]
    order = ["always", "usually", "sometimes"]
    assert sent == sorted(sent, key=order.index)
    assert set(sent) == set(order)


def test_a_narrow_terminal_shows_all_columns() -> None:
    assert "always" in shown("lock.unlocked", "--table", columns=40)


def test_it_needs_neither_redis_nor_settings() -> None:
    code = (
        "import sys; from bellhop.cli import main; main(['types', 'lock.unlocked'], "
        "standalone_mode=False); "
        "sys.exit(bool({'redis', 'rq', 'dotenv', 'svix'} & set(sys.modules)))"
    )
    subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, env={"BELLHOP_PORT": "x"}
    )
