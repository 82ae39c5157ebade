"""What a process prints, line by line, without secrets."""

import io
import json
import os
import sys
import threading
from typing import Any

import pytest

from bellhop import masked_output
from bellhop.events.masking import DOTS
from bellhop.known_secrets import KnownSecrets
from bellhop.masked_output import mask_output

CODE = "48151623"


def mask(text: str) -> str:
    return text.replace(CODE, DOTS)


def begin(monkeypatch: pytest.MonkeyPatch) -> io.BytesIO:
    """Mask the output of this process from now on, and return where it arrives."""
    written = io.BytesIO()
    for name in ("stdout", "stderr"):
        stream = io.TextIOWrapper(written, encoding="utf-8", write_through=True)
        monkeypatch.setattr(sys, name, stream)
        monkeypatch.setattr(sys, f"__{name}__", stream)
    mask_output(mask)
    return written


def text(written: io.BytesIO) -> str:
    return written.getvalue().decode()


def test_a_code_that_is_written_in_pieces_is_masked_when_the_line_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = begin(monkeypatch)
    print("the code is ", end="")
    print(*CODE, sep="", end="")
    sys.stdout.write("15162")
    assert text(written) == ""
    print()
    assert text(written) == f"the code is {DOTS}15162\n"


def test_bytes_below_the_text_are_masked_too(monkeypatch: pytest.MonkeyPatch) -> None:
    written = begin(monkeypatch)
    sys.stdout.buffer.write(f"{CODE}\n{CODE}".encode())
    sys.stdout.buffer.flush()
    print(CODE, file=sys.__stderr__)
    assert text(written) == f"{DOTS}\n{DOTS}{DOTS}\n"


def test_what_is_no_text_passes_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    written = begin(monkeypatch)
    sys.stdout.buffer.write(b"\xff\xfe\n")
    assert written.getvalue() == b"\xff\xfe\n"


def test_a_line_that_was_json_stays_json(monkeypatch: pytest.MonkeyPatch) -> None:
    written = begin(monkeypatch)
    line = {"number": int(CODE), "list": [int(CODE), 1, None, True], CODE: f"x {CODE}"}
    print(json.dumps(line))
    assert json.loads(text(written)) == {
        "number": DOTS,
        "list": [DOTS, 1, None, True],
        DOTS: f"x {DOTS}",
    }


def test_a_mask_that_fails_shows_nothing_and_breaks_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = begin(monkeypatch)
    monkeypatch.setattr(sys.stdout.buffer, "_mask", lambda text: text[10**9])
    print(CODE)
    assert text(written) == f"{DOTS}\n"


def test_a_very_long_line_is_not_kept_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    written = begin(monkeypatch)
    sys.stdout.write("x" * 100_000)
    assert len(text(written)) > 60_000


LINE = "a guest stands at the door\n"


def printed(monkeypatch: pytest.MonkeyPatch, what: str, code: str = CODE) -> str:
    """Return what is written of a text that is printed at once, with a code that is known."""
    known = KnownSecrets()
    known.remember(json.dumps({"code": code}).encode())
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding="utf-8", write_through=True)
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "__stdout__", stream)
    mask_output(known.mask)
    sys.stdout.write(what)
    return text(written)


def test_of_more_lines_than_are_masked_at_once_each_is_masked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = f"{LINE}code {CODE}\n" * 40_000
    assert len(lines) > 1_000_000
    assert printed(monkeypatch, lines) == f"{LINE}code {DOTS}\n" * 40_000


def test_a_line_that_is_too_long_is_dots_and_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    long = "x" * 1_000_001
    assert printed(monkeypatch, f"{LINE}{long}\n{LINE}") == f"{LINE}{DOTS}\n{LINE}"


@pytest.mark.parametrize("over", range(-10, 12))
def test_a_code_over_several_lines_is_found_at_the_end_of_a_piece(
    over: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(masked_output, "_AT_ONCE", 10_000)
    before = LINE * (masked_output._AT_ONCE // len(LINE))
    before += "x" * (masked_output._AT_ONCE - len(before) - 1 + over) + "\n"
    spelled = "\n".join(CODE)
    assert printed(monkeypatch, f"{before}{spelled}\n{LINE}") == f"{before}{DOTS}\n{LINE}"


def test_where_a_code_may_go_on_at_each_end_of_a_line_nothing_is_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert printed(monkeypatch, "1\n" * 600_000, code="111111") == f"{DOTS}\n"


def test_a_terminal_without_dots_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding="ascii", errors="backslashreplace")
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "__stdout__", stream)
    mask_output(mask)
    print(f"{CODE} é")
    assert written.getvalue() == rb"\u2022\u2022\u2022\u2022 \xe9" + b"\n"


def test_a_fork_while_another_thread_writes_can_write(monkeypatch: pytest.MonkeyPatch) -> None:
    written = begin(monkeypatch)
    lock: Any = sys.stdout.buffer._lock  # type: ignore[union-attr]
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            held.set()
            release.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(60)
    child = os.fork()
    if child == 0:
        sys.stdout.buffer.write(b"here\n")
        os._exit(0 if written.getvalue() == b"here\n" else 1)
    _, status = os.waitpid(child, 0)
    release.set()
    thread.join()
    assert status == 0
