"""Loading the user's handlers: what is found, and what is said when one cannot be loaded."""

import importlib
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bellhop import BellhopError
from bellhop.loading import HandlersNotLoaded, load_handlers
from tests.bellhop.other_user import OTHER, as_root, being_other

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Writes modules into the current directory, which are forgotten after the test."""
    known = set(sys.modules)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def write(path: str, source: str | bytes = "") -> Path:
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(source if isinstance(source, bytes) else source.encode())
        importlib.invalidate_caches()
        return file

    yield write
    for name in set(sys.modules) - known:
        del sys.modules[name]


def refusal(*paths: str) -> str:
    """Return the message with which loading is refused: no traceback, only what and where."""
    with pytest.raises(BellhopError) as caught:
        load_handlers(paths)
    assert type(caught.value) is HandlersNotLoaded
    message = str(caught.value)
    assert "Traceback" not in message
    assert "importlib" not in message
    return message


def test_a_single_module_is_loaded(write: Write) -> None:
    write("porter.py", "greeting = 'hello'")
    assert load_handlers(["porter"]) == ["porter"]
    assert sys.modules["porter"].greeting == "hello"


def test_a_package_is_loaded_with_all_its_modules(write: Write) -> None:
    for name in ("__init__", "b", "a"):
        write(f"lobby/{name}.py")
    assert load_handlers(["lobby"]) == ["lobby", "lobby.a", "lobby.b"]
    assert {"lobby", "lobby.a", "lobby.b"} <= sys.modules.keys()


def test_a_directory_without_init_is_a_package(write: Write) -> None:
    write("lobby/a.py")
    assert load_handlers(["lobby"]) == ["lobby", "lobby.a"]


def test_packages_in_packages_are_loaded(write: Write) -> None:
    for name in ("lobby", "lobby/floor", "lobby/floor/room"):
        write(f"{name}/__init__.py")
        write(f"{name}/bell.py")
    assert load_handlers(["lobby"]) == [
        "lobby",
        "lobby.bell",
        "lobby.floor",
        "lobby.floor.bell",
        "lobby.floor.room",
        "lobby.floor.room.bell",
    ]


@pytest.mark.parametrize("init", ["lobby/__init__.py", "lobby/floor/__init__.py", "other.py"])
def test_directories_in_packages_need_no_init(init: str, write: Write) -> None:
    write(init)
    write("lobby/floor/room/bell.py")
    assert load_handlers(["lobby"])[-1] == "lobby.floor.room.bell"


def test_what_is_no_module_is_passed_over(write: Write) -> None:
    write("lobby/__init__.py")
    write("lobby/notes.txt")
    write("lobby/data/prices.json")
    write("lobby/not-a-name/x.py")
    write("lobby/__pycache__/old.cpython-311.pyc", b"\x00")
    assert load_handlers(["lobby"]) == ["lobby"]


def test_a_module_in_a_package_can_be_named(write: Write) -> None:
    write("lobby/__init__.py")
    write("lobby/a.py")
    write("lobby/b.py")
    assert load_handlers(["lobby.b"]) == ["lobby.b"]
    assert "lobby.a" not in sys.modules


def test_several_are_loaded_in_their_order_and_each_once(write: Write) -> None:
    write("lobby/a.py")
    write("porter.py", "loads = []")
    assert load_handlers(["porter", "lobby.a", "lobby", "porter"]) == ["porter", "lobby.a", "lobby"]


def test_modules_may_import_each_other(write: Write) -> None:
    write("lobby/__init__.py", "from lobby.b import bell")
    write("lobby/a.py", "from .b import bell")
    write("lobby/b.py", "bell = 1")
    assert load_handlers(["lobby"]) == ["lobby", "lobby.a", "lobby.b"]


@pytest.mark.parametrize("name", ["nowhere", "lobby.nowhere", "nowhere.at.all", "nowhere.py"])
def test_a_module_that_is_not_there_is_named_with_what_to_do(name: str, write: Write) -> None:
    write("lobby/__init__.py")
    assert refusal(name) == (
        f"there is no module {name} to load handlers from: run this in the directory that "
        "holds it, or set BELLHOP_HANDLERS"
    )


def test_an_import_of_nothing_is_named_with_its_file_and_line(write: Write) -> None:
    file = write("porter.py", "x = 1\n\nimport no_such_module\n")
    assert refusal("porter") == (
        "cannot load porter: ModuleNotFoundError: No module named 'no_such_module' "
        f"({file}, line 3)"
    )


def test_an_import_of_nothing_of_a_module_is_named_with_its_file_and_line(write: Write) -> None:
    file = write("porter.py", "from json import no_such_thing\n")
    message = refusal("porter")
    assert message.startswith("cannot load porter: ImportError: cannot import name 'no_such_thing'")
    assert message.endswith(f"({file}, line 1)")


def test_a_missing_sibling_is_not_taken_for_the_package_itself(write: Write) -> None:
    file = write("lobby/__init__.py", "import lobby.nowhere\n")
    message = refusal("lobby")
    assert message.startswith("cannot load lobby: ModuleNotFoundError: ")
    assert message.endswith(f"({file}, line 1)")


def test_an_error_is_named_where_it_arose_and_not_where_it_was_imported(write: Write) -> None:
    write("lobby/__init__.py", "from lobby import a")
    write("lobby/a.py", "from lobby.deep import b")
    file = write("lobby/deep/b.py", "def f():\n    return 1 / 0\n\nf()\n")
    assert refusal("lobby") == (
        f"cannot load lobby: ZeroDivisionError: division by zero ({file}, line 2)"
    )


def test_an_error_in_a_nested_package_is_named(write: Write) -> None:
    write("lobby/__init__.py")
    file = write("lobby/floor/__init__.py", "raise RuntimeError('closed')")
    write("lobby/floor/a.py")
    assert refusal("lobby") == f"cannot load lobby.floor: RuntimeError: closed ({file}, line 1)"


def test_an_error_in_a_library_is_named_where_the_handlers_called_it(write: Write) -> None:
    file = write("porter.py", "import json\n\njson.loads('{')\n")
    message = refusal("porter")
    assert message.startswith("cannot load porter: JSONDecodeError: ")
    assert message.endswith(f"({file}, line 3)")


def test_handlers_that_are_installed_as_a_library_are_named_too() -> None:
    name = "asyncio.windows_events"  # says on import that it is not for this machine
    message = refusal(name)
    assert message.startswith(f"cannot load {name}: ImportError: win32 only (")
    assert re.search(r"windows_events\.py, line [0-9]+\)$", message)


def test_an_error_without_words_is_named_by_its_class(write: Write) -> None:
    file = write("porter.py", "assert False\n")
    assert refusal("porter") == f"cannot load porter: AssertionError ({file}, line 1)"


def test_a_handler_that_is_refused_is_named_with_its_file_and_line(write: Write) -> None:
    file = write("porter.py", "from bellhop import on\n\n@on('lock.unlockd')\ndef f(event): ...\n")
    message = refusal("porter")
    assert message.startswith(
        'cannot load porter: porter.f: no known event type fits "lock.unlockd"'
    )
    assert message.endswith(f"({file}, line 3)")


def test_a_directory_beside_bellhops_own_whose_name_begins_alike_is_the_users(write: Write) -> None:
    import bellhop

    mine = f"{Path(bellhop.__file__).parent}_of_mine/porter.py"
    write("porter.py", f"exec(compile('\\n1/0', {mine!r}, 'exec'))")
    assert refusal("porter").endswith(f"({mine}, line 2)")


@pytest.mark.parametrize(
    ("source", "what", "line"),
    [
        ("x = 1\ndef f(:\n", "invalid syntax", 2),
        (
            "def f():\nreturn 1\n",
            "expected an indented block after function definition on line 1",
            2,
        ),
        ("x = (1,\n", "'(' was never closed", 1),
        ("return 1\n", "'return' outside function", 1),
    ],
)
def test_a_syntax_error_is_named_with_its_file_and_line(
    source: str, what: str, line: int, write: Write
) -> None:
    file = write("lobby/a.py", source)
    assert refusal("lobby") == f"cannot load lobby.a: SyntaxError: {what} ({file}, line {line})"


@pytest.mark.parametrize("source", [b"x = '\xff'\n", b"\x00", b"# coding: klingon\n"])
def test_a_file_that_is_no_text_is_named(source: bytes, write: Write) -> None:
    write("porter.py", source)
    message = refusal("porter")
    assert message.startswith("cannot load porter: SyntaxError: ")
    assert "None" not in message


@pytest.mark.parametrize(
    ("statement", "shown"),
    [
        ("sys.exit(3)", "SystemExit: 3"),
        ("sys.exit()", "SystemExit"),
        ("sys.exit('no key')", "SystemExit: no key"),
        ("raise SystemExit", "SystemExit"),
    ],
)
def test_a_module_that_exits_is_named(statement: str, shown: str, write: Write) -> None:
    file = write("lobby/a.py", f"import sys\n{statement}\n")
    assert refusal("lobby") == f"cannot load lobby.a: {shown} ({file}, line 2)"


def test_ctrl_c_while_loading_is_no_error_of_the_handlers(write: Write) -> None:
    write("porter.py", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        load_handlers(["porter"])


@pytest.mark.parametrize("name", ["", ".", ".porter", "lobby..a", "a b", "lobby/a", "5"])
def test_what_is_no_import_path_is_refused(name: str, write: Write) -> None:
    write("lobby/a.py")
    assert name in refusal(name)


def test_a_link_that_leads_back_is_followed_no_further(write: Write) -> None:
    file = write("lobby/bell.py")
    (file.parent / "again").symlink_to(file.parent)
    assert load_handlers(["lobby"]) == ["lobby", "lobby.again", "lobby.bell"]


def test_a_folder_goes_before_a_file_of_the_same_name(write: Write) -> None:
    write("lobby.py", "1 / 0")
    write("lobby/bell.py")
    assert load_handlers(["lobby"]) == ["lobby", "lobby.bell"]


@pytest.mark.parametrize("name", ["queue", "pydantic"])
def test_a_package_with_the_name_of_a_library_is_refused(name: str, write: Write) -> None:
    write(f"{name}/doors.py")
    assert "has the name of a library" in refusal(name)


@pytest.mark.parametrize("mode", [0o700, 0o711, 0o644])
@pytest.mark.parametrize("closed", ["lobby", "lobby/floor", "lobby/floor/room"])
@pytest.mark.parametrize("file", ["floor/room/bell.py", "floor/room/__init__.py"])
@as_root
def test_a_folder_that_may_not_be_looked_into_is_refused_and_not_taken_for_empty(
    mode: int,
    closed: str,
    file: str,
    write: Write,
    open_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(open_folder)
    write(f"{open_folder}/lobby/{file}")
    (open_folder / closed).chmod(mode)
    with being_other():
        for path in ("lobby", "lobby.floor.room"):
            assert refusal(path) == (
                f"cannot load handlers from {open_folder / closed}: user {OTHER} may not look into "
                f"it; `chmod -R a+rX {open_folder / closed}` lets every user read it"
            )
