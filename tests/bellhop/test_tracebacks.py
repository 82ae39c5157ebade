"""Which frames of a traceback are shown."""

import json
import traceback

from bellhop.tracebacks import first_line, without_libraries


def doors() -> None:
    try:
        json.loads("{")
    except ValueError as error:
        raise ExceptionGroup("both", [error]) from error


def test_the_frames_of_libraries_are_left_out_wherever_they_stand() -> None:
    try:
        doors()
    except ExceptionGroup:
        text = traceback.format_exc()
    short = without_libraries(text)
    assert "raw_decode" in text
    assert "raw_decode" not in short
    assert "json/decoder.py" not in short
    assert short.count("in doors") == text.count("in doors") == 3
    assert 'json.loads("{")' in short
    assert "Expecting property name" in short
    assert "direct cause" in short
    assert without_libraries(short) == short


def test_a_traceback_of_libraries_alone_is_shown_as_it_is() -> None:
    text = 'Traceback:\n  File "/x/site-packages/a.py", line 1, in f\n    f()\nValueError: x'
    assert without_libraries(text) == text
    assert without_libraries("no traceback") == "no traceback"


def test_the_first_line_is_one_that_says_something() -> None:
    assert first_line("\n ---- \n  the lock said no \nmore") == "the lock said no"
    assert first_line("----\n") == ""
