"""The lines of the handlers are read as they come, and whole."""

from pathlib import Path

from tests.soak.history import Run
from tests.soak.lines import Lines


def test_a_run_is_known_when_it_begins_and_ends_when_its_line_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    lines = Lines(path)
    lines.update()
    assert lines.runs == []

    path.write_text("began 1.5 7.1 audit e1 2\ndone 2.")
    lines.update()
    assert lines.runs == [Run("audit", "e1", 2, 7, 1.5)]

    path.write_text("began 1.5 7.1 audit e1 2\ndone 2.5 7.1\n")
    lines.update()
    assert lines.runs == [Run("audit", "e1", 2, 7, 1.5, 2.5, "done")]


def test_a_handler_that_kills_its_process_says_so_before(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_text("began 1.5 7.1 frail e1 1\ndies 2.5 7.1\nbegan 3.5 8.1 frail e1 1\n")
    lines = Lines(path)

    lines.update()

    assert [(death.pid, death.since) for death in lines.deaths] == [(7, 2.5)]
    assert [run.outcome for run in lines.runs] == [None, None]


def test_who_was_told_and_who_hung_until_its_time_was_up_is_known(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_text(
        "began 1.0 7.1 stuck e1 1\nfailed 9.5 7.1\n"
        "began 1.0 7.2 stuck e2 1\ndone 1.5 7.2\n"
        "began 1.0 7.3 audit e1 1\nfailed 9.5 7.3\n"
        "told stuck e1\ntold msg_1\n"
    )
    lines = Lines(path)

    lines.update()

    assert lines.hung({"stuck"}, 8.0) == 1
    assert lines.told == {"stuck e1", "msg_1"}
