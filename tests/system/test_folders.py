"""Bellhop in folders as people have them: whatever they are called, whatever lies in them."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.system.conftest import House, eventually
from tests.system.installed import ROOT, built, cloned, installed

ROOMS = ("bench", "receiver", "scripts", "tests", "workers")

NAMES_OF_LIBRARIES = (
    *("bellhop", "click", "pydantic", "redis", "rq", "starlette", "structlog", "uvicorn"),
    *("calendar", "email", "logging", "queue", "secrets", "signal", "token", "types"),
)

HANDLER = """
import importlib
import redis
@on("lock.*")
def note(event):
    for name in {rooms}:
        ran(importlib.import_module(f"{{name}}.own").whose)
    ran(redis.Redis.__name__)
"""


class Hotel(House):
    """A project with packages of its own, and Bellhop in a virtual environment."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, None)
        self.bellhop: list[str] = []
        self.handlers(HANDLER.format(rooms=ROOMS))
        for room in ROOMS:
            self.write(
                f"{room}/own.py", f"whose = 'my {room}'\nif __name__ == '__main__': print(whose)"
            )

    def write(self, name: str, text: str) -> None:
        """Write a file of the project."""
        (self.path / name).parent.mkdir(exist_ok=True)
        (self.path / name).write_text(text)

    def command(self, *arguments: str) -> list[str]:
        """The installed command."""
        return [*self.bellhop, *arguments]

    def works(self) -> bool:
        """Whether `up` runs a handler that imports the project's own packages, and libraries."""
        self.start("up", "--workers", "1")
        eventually(lambda: "Ready" in self.output(), "up is ready", shown=self.output)
        assert self.run("send", "lock.unlocked").returncode == 0
        self.await_lines(len(ROOMS) + 1)
        return self.lines() == [*(f"my {room}" for room in ROOMS), "Redis"]


def test_up_works_in_a_folder_of_any_name(lonely_house: House, tmp_path: Path) -> None:
    folder = tmp_path / 'my "hotel"\n100% O\'Brien'
    folder.mkdir()
    (tmp_path / "handlers").rename(folder / "handlers")
    lonely_house.path = folder
    lonely_house.handlers('@on("lock.*")\ndef note(event): ran("ran")\n')
    lonely_house.start("up", "--workers", "1")
    eventually(lambda: "Ready" in lonely_house.output(), "up is ready", shown=lonely_house.output)

    assert lonely_house.run("send", "lock.unlocked").returncode == 0
    lonely_house.await_lines(1)


@pytest.mark.parametrize(
    "python_path",
    [*(pytest.param(path, marks=pytest.mark.long) for path in ("", ".")), "/usr/lib:{folder}"],
)
def test_a_project_may_have_modules_of_any_name(python_path: str, tmp_path: Path) -> None:
    (tmp_path / "my hotel").mkdir()
    hotel = Hotel(tmp_path / "my hotel")
    hotel.bellhop = installed(built(ROOT, tmp_path / "wheel"), hotel.path / ".venv")
    for name in NAMES_OF_LIBRARIES:
        hotel.write(f"{name}.py", "raise RuntimeError('this is not the library')\n")
    # Some libraries install packages of such names by mistake.
    [packages] = (hotel.path / ".venv").glob("lib/*/site-packages")
    for name in (*ROOMS, "handlers"):
        (packages / name).mkdir()
        (packages / name / "__init__.py").write_text("raise RuntimeError('this is a library')")
    hotel.environment["PYTHONPATH"] = python_path.format(folder=hotel.path)
    try:
        assert hotel.works()
    finally:
        hotel.end()


def test_a_clone_runs_side_by_side_with_the_code_of_the_project_that_it_lies_in(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "my hotel"
    cloned(folder)
    (folder / "handlers" / "__init__.py").unlink()
    (folder / "handlers" / "example.py").unlink()
    (folder / "handlers").rmdir()
    hotel = Hotel(folder)
    wheel = built(folder, tmp_path / "wheel", editable=True)
    hotel.bellhop = installed(wheel, folder / ".venv")
    try:
        assert hotel.works()
        for room in ROOMS:
            own = subprocess.run(
                [hotel.bellhop[0], "-m", f"{room}.own"],
                cwd=folder,
                env={"PATH": os.environ["PATH"]},
                capture_output=True,
                text=True,
            )
            assert own.stdout == f"my {room}\n"
    finally:
        hotel.end()
