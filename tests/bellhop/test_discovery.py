"""Which files of a handlers package are loaded, and what is said of those that are not."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bellhop.discovery import modules_in
from bellhop.loading import passed_over_handlers
from tests.bellhop.other_user import as_root, being_other

Write = Callable[[str], None]

HANDLER = "from bellhop import on\n\n@on('lock.*')\ndef note(event): ...\n"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes modules with a handler into the current directory."""

    def write(name: str) -> None:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(HANDLER)

    return write


@pytest.mark.parametrize(
    "name",
    [
        *("__main__.py", "setup.py", "conftest.py", "test_doors.py", "doors_test.py"),
        *("tests.py", "doors_tests.py"),
        *("tests/doors.py", "tests/__init__.py", "test/test_doors.py"),
        *("my-handler.py", "h copy.py", "2doors.py", "my-folder/doors.py", "a.b/doors.py"),
    ],
)
def test_what_is_no_module_of_handlers_is_passed_over_and_said(name: str, write: Write) -> None:
    write("handlers/doors.py")
    write(f"handlers/{name}")

    assert modules_in([str(Path.cwd() / "handlers")]) == ["doors"]
    [sentence] = passed_over_handlers(["handlers"])
    assert sentence.startswith(f"handlers/{name} is not loaded, although it calls @on: ")


@pytest.mark.parametrize(
    "name",
    [
        *(".ipynb_checkpoints/doors-checkpoint.py", ".git/doors.py", "__pycache__/doors.py"),
        *("node_modules/gyp/doors.py", "site-packages/doors.py", "doors.py~", "doors.py.bak"),
    ],
)
def test_what_is_obviously_something_else_is_passed_over(name: str, write: Write) -> None:
    write("handlers/bell.py")
    write(f"handlers/{name}")

    assert modules_in([str(Path.cwd() / "handlers")]) == ["bell"]
    assert passed_over_handlers(["handlers"]) == []


@pytest.mark.parametrize("mark", ["pyvenv.cfg", "conda-meta/history"])
def test_a_virtual_environment_is_passed_over(mark: str, write: Write) -> None:
    write("handlers/bell.py")
    write("handlers/env/lib/python3.11/six.py")
    write(f"handlers/env/{mark}")

    assert modules_in([str(Path.cwd() / "handlers")]) == ["bell"]
    assert passed_over_handlers(["handlers"]) == []


@pytest.mark.parametrize("name", ["test.py", "latest.py", "contest.py", "testing/doors.py"])
def test_a_name_that_only_begins_or_ends_alike_is_loaded(name: str, write: Write) -> None:
    write(f"handlers/{name}")

    assert modules_in([str(Path.cwd() / "handlers")]) == [
        name.partition("/")[0].removesuffix(".py")
    ]
    assert passed_over_handlers(["handlers"]) == []


def test_a_file_without_handlers_is_passed_over_without_a_word(tmp_path: Path) -> None:
    (tmp_path / "handlers").mkdir()
    (tmp_path / "handlers" / "test_doors.py").write_text("import pytest  # no @on here\n")

    assert modules_in([str(Path.cwd() / "handlers")]) == []
    assert passed_over_handlers(["handlers"]) == []


@pytest.mark.parametrize("decorator", ["lifespan", "on_dead", "on_quarantined"])
def test_a_lifespan_or_a_hook_that_is_passed_over_is_said(tmp_path: Path, decorator: str) -> None:
    (tmp_path / "handlers").mkdir()
    file = tmp_path / "handlers" / "conftest.py"
    file.write_text(f"import bellhop\n@bellhop.{decorator}\ndef opened(): yield\n")
    assert passed_over_handlers(["handlers"]) == [
        f"handlers/conftest.py is not loaded, although it calls @{decorator}: "
        "a file of that name holds tests"
    ]


def test_a_file_beside_the_folder_of_the_same_name_is_said(write: Write) -> None:
    write("handlers.py")
    write("handlers/doors.py")

    assert passed_over_handlers(["handlers"]) == [
        "handlers.py is not loaded: the folder handlers is"
    ]


@as_root
def test_a_folder_of_another_user_is_passed_over_where_it_can_hold_no_handlers(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(open_folder)
    (open_folder / "handlers").mkdir()
    (open_folder / "handlers" / "doors.py").write_text(HANDLER)
    for name in ("lost+found", ".trash", "tests"):  # the first is in each volume of its own
        (open_folder / "handlers" / name).mkdir(mode=0o700)
    with being_other():
        assert modules_in([str(open_folder / "handlers")]) == ["doors"]
        assert passed_over_handlers(["handlers"]) == []
