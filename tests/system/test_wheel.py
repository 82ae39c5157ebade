"""The wheel, installed apart from the source, with somebody else's handlers package."""

import zipfile
from pathlib import Path

import pytest

from tests.system.conftest import House
from tests.system.installed import ROOT, built


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this source."""
    return built(ROOT, tmp_path_factory.mktemp("wheel"))


def test_it_holds_names_of_its_own_alone(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()

    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {
        "bellhop",
        "bellhop_launch.py",
        "bellhop_receiver",
        "bellhop_workers",
    }
    assert {"bellhop/py.typed", "bellhop/ledger/accept.lua"} <= set(names)


def test_it_works_beside_a_foreign_handlers_package(
    wheel: Path, house: House, tmp_path: Path
) -> None:
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:  # a pure wheel is installed by unpacking it
        archive.extractall(installed)
    # In front of the source, which the tests' own environment knows.
    house.environment["PYTHONPATH"] = str(installed)
    house.environment["BELLHOP_HANDLERS"] = "hotel.doors"
    (tmp_path / "hotel").mkdir()
    (tmp_path / "hotel" / "__init__.py").write_text("")
    (tmp_path / "hotel" / "doors.py").write_text(
        "import bellhop\n"
        '@bellhop.on("lock.*")\n'
        "def note(event):\n"
        "    with open('ran', 'a') as file:\n"
        "        print(event.event_id, bellhop.__file__, file=file)\n"
    )
    house.start("receiver")
    house.start("worker")
    house.await_ready()

    assert house.post(event_id="one").status_code == 202
    house.await_lines(1)
    assert house.lines() == [f"one {installed / 'bellhop' / '__init__.py'}"]
