"""Counts and times that handlers leave in shared files."""

import os
import threading
from pathlib import Path

from bench.tally import Counts, Stamps, number_of


def test_threads_and_forks_count_without_losing_any(tmp_path: Path) -> None:
    counts = Counts(tmp_path / "counts")

    def add() -> None:
        for _ in range(1000):
            counts.add()

    add()
    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    child = os.fork()
    if not child:
        add()
        os._exit(0)
    os.waitpid(child, 0)
    assert counts.total() == 6000
    assert counts.processes() == {os.getpid(), child}


def test_another_who_opens_the_file_sees_the_same(tmp_path: Path) -> None:
    Counts(tmp_path / "counts").add()
    Counts(tmp_path / "counts").add()
    assert Counts(tmp_path / "counts").total() == 2


def test_the_first_start_of_a_handler_counts(tmp_path: Path) -> None:
    stamps = Stamps(tmp_path / "stamps")
    stamps.put(1)
    [none, first] = stamps.first(2)
    stamps.put(1)
    assert none == 0
    assert Stamps(tmp_path / "stamps").first(2) == [0, first]
    stamps.clear()
    assert stamps.first(2) == [0, 0]


def test_the_number_of_an_event_is_in_its_id() -> None:
    assert number_of("0a0a0a0a-0000-4000-8000-000000000123") == 123
