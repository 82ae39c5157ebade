"""`bellhop repair`: the embedded Redis starts again after a damage to its files."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from redis import Redis
from structlog.testing import capture_logs

from bellhop.cli.repair import repair
from bellhop.connections import connect
from bellhop.embedded import AlreadyRunning, EmbeddedRedis, EmbeddedRedisFailed
from bellhop.settings import STATE

FILES = STATE / "redis" / "appendonlydir"
BASE = "appendonly.aof.1.base.rdb"
LAST = "appendonly.aof.1.incr.aof"
MANIFEST = "appendonly.aof.manifest"
EVENTS = [f"event-{number}" for number in range(5)]


@pytest.fixture(autouse=True)
def _events() -> None:
    """A server that has stopped, with events on record."""
    with_server(lambda client: [client.set(event, "kept") for event in EVENTS])


def with_server(call: Callable[[Redis], object]) -> object:
    server = EmbeddedRedis(STATE)
    try:
        server.start()
        with connect(server.url) as client:
            return call(client)
    finally:
        server.stop()


def events() -> list[str]:
    """Start a server, and return the events that it knows."""
    names = with_server(lambda client: client.keys("*"))
    return sorted(name.decode() for name in names)  # type: ignore[attr-defined]


def run(*arguments: str, answer: str = "") -> Result:
    return CliRunner().invoke(repair, arguments, input=answer)


def append(junk: bytes) -> None:
    with (FILES / LAST).open("ab") as file:
        file.write(junk)


def spoil_middle() -> None:
    content = (FILES / LAST).read_bytes()
    place = content.index(b"event-3")
    (FILES / LAST).write_bytes(content[: place - 6] + b"?" * 4 + content[place - 2 :])


def cut_base() -> None:
    (FILES / BASE).write_bytes((FILES / BASE).read_bytes()[:-20] + bytes(20))


DAMAGE: dict[str, tuple[Callable[[], object], list[str], str]] = {
    "zeros": (lambda: append(bytes(4096)), EVENTS, "4096 bytes are lost, written after 20"),
    "junk": (lambda: append(b"\xff\x00junk\r\n*1"), EVENTS, "10 bytes are lost"),
    "in the middle": (spoil_middle, EVENTS[:3], "bytes are lost, written after 20"),
    "the snapshot": (cut_base, EVENTS, "the snapshot is damaged"),
    "an empty snapshot": (lambda: (FILES / BASE).write_bytes(b""), EVENTS, "snapshot is damaged"),
    "no snapshot": (lambda: (FILES / BASE).unlink(), EVENTS, "is missing, and what was in it"),
    "no manifest": ((lambda: (FILES / MANIFEST).unlink()), EVENTS, "can be made again"),
    "an empty manifest": ((lambda: (FILES / MANIFEST).write_bytes(b"")), EVENTS, "made again"),
    "zeros as manifest": (
        (lambda: (FILES / MANIFEST).write_bytes(bytes(88))),
        EVENTS,
        "can be made again",
    ),
    "half a manifest": (
        (lambda: (FILES / MANIFEST).write_bytes(f"file {BASE} seq 1 type b\nfile app".encode())),
        EVENTS,
        "can be made again",
    ),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damage_stops_the_start_and_is_mended_with_a_copy_kept(kind: str) -> None:
    spoil, left, said = DAMAGE[kind]
    spoil()
    damaged = {file.name: file.read_bytes() for file in FILES.iterdir()}

    with pytest.raises(EmbeddedRedisFailed, match="run `bellhop repair`") as caught:
        events()
    assert "check-aof" not in str(caught.value)  # nobody has a tool of that name
    assert {file.name: file.read_bytes() for file in FILES.iterdir()} == damaged

    result = run("--yes")
    assert result.exit_code == 0, result.output
    assert said in result.output
    [kept] = FILES.parent.glob("appendonlydir.damaged-*")
    assert {file.name: file.read_bytes() for file in kept.iterdir()} == damaged
    assert str(kept) in result.output
    assert events() == left


def test_it_asks_and_changes_nothing_unless_told() -> None:
    append(bytes(100))

    result = run(answer="n\n")
    assert result.exit_code == 1
    assert (FILES / LAST).read_bytes().endswith(bytes(100))
    assert "Mended" in run(answer="y\n").output


def test_it_leaves_alone_what_is_whole() -> None:
    assert "all files can be read" in run("--yes").output
    assert list(FILES.parent.glob("*.damaged-*")) == []


def test_it_says_where_there_is_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    assert "no embedded Redis has data" in run("--yes").output
    assert list(Path.cwd().iterdir()) == []


@pytest.fixture
def running() -> Iterator[EmbeddedRedis]:
    server = EmbeddedRedis(STATE)
    server.start()
    yield server
    server.stop()


def test_it_refuses_while_the_server_runs(running: EmbeddedRedis) -> None:
    assert type(run("--yes").exception) is AlreadyRunning
    with connect(running.url) as client:
        assert client.ping()


def test_a_repair_that_was_interrupted_is_brought_to_its_end() -> None:
    FILES.rename(FILES.with_name("appendonlydir.repaired"))

    with pytest.raises(EmbeddedRedisFailed, match="run `bellhop repair`"):
        events()
    assert run("--yes").exit_code == 0
    assert events() == EVENTS


def test_what_no_server_can_load_stays_as_it_was() -> None:
    append(b"*1\r\n$7\r\nNOTHING\r\n" + bytes(9))
    damaged = (FILES / LAST).read_bytes()

    result = run("--yes")
    assert "cannot be mended" in str(result.exception)
    assert (FILES / LAST).read_bytes() == damaged


def test_a_last_command_that_a_crash_cut_off_is_dropped_with_a_line_in_the_log() -> None:
    append(b"*3\r\n$3\r\nSET\r\n$7\r\nevent-9")

    with capture_logs() as lines:
        assert events() == EVENTS
    assert [line["file"] for line in lines if "cut off" in line["event"]] == [LAST]
