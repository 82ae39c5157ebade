"""Bellhop in folders as people have them: whatever they are called, whatever lies in them."""

from pathlib import Path

from tests.system.conftest import House, eventually


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
