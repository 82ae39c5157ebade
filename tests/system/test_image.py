"""What stands in the Dockerfile and in compose.yaml, as far as it can be tried without Docker.

`scripts/build-image smoke` builds the image and runs it.
"""

import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from bellhop.settings import Settings
from tests.system.conftest import DEADLINE, House, eventually
from tests.system.installed import ROOT, built
from tests.system.redis_server import Server

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def instructions(name: str) -> list[str]:
    """Return what follows each instruction of a name, with its lines as one."""
    return re.findall(rf"^{name} (.*)", DOCKERFILE.replace("\\\n", ""), re.MULTILINE)


def copied() -> list[str]:
    """Return the files and folders of this repository that are copied into the image."""
    lines = [line.split() for line in instructions("COPY") if not line.startswith("--from")]
    return [name for line in lines for name in line[:-1]]


def test_the_wheel_in_the_image_is_made_of_all_that_it_needs(tmp_path: Path) -> None:
    (tmp_path / "copied").mkdir()
    for name in copied():
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / "copied" / name)

    wheels = [built(tmp_path / "copied", tmp_path / "made"), built(ROOT, tmp_path / "whole")]

    made, whole = (set(zipfile.ZipFile(wheel).namelist()) for wheel in wheels)
    assert made == whole


def test_docker_is_sent_all_that_is_copied_and_nothing_more() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert lines[1] == "*"
    assert {line[1:] for line in lines if line.startswith("!")} == set(copied())


def test_every_image_that_is_built_on_or_run_is_pinned_by_its_digest() -> None:
    compose = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    images = [one for one in instructions("FROM") if "${PYTHON_IMAGE}" not in one]
    images += [one.partition("=")[2] for one in instructions("ARG") if "_IMAGE=" in one]
    images += [one for one in re.findall(r"^ +image: (.*)", compose, re.MULTILINE) if ":" in one]

    assert len(images) == 2
    for image in images:
        assert re.fullmatch(r"docker\.io/[a-z/]+:[0-9a-z.-]+@sha256:[0-9a-f]{64}", image)


@pytest.mark.parametrize("name", ["Dockerfile", "compose.yaml", "README.md"])
def test_only_settings_are_set_and_described(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    named = {one.removesuffix("_FILE") for one in re.findall(r"\bBELLHOP_[A-Z_]*[A-Z]", text)}
    named |= set(re.findall(r"\bSEAM_[A-Z_]*[A-Z]", text))
    settings = set(Settings().origins)

    assert named
    assert named <= settings
    if name == "README.md":
        assert settings <= set(re.findall(r"^\| `([A-Z_]+)` \|", text, re.MULTILINE))


def is_healthy(house: House, first_process: str) -> bool:
    """Run the image's health check where the first process has that command line."""
    [health_check] = instructions("HEALTHCHECK")
    python, *arguments, code = json.loads(health_check.partition("CMD ")[2])
    assert (python, *arguments) == ("python", "-c")
    proc = house.path / "cmdline"
    proc.write_text("\0".join(first_process.split()) + "\0")
    assert "/proc/1/cmdline" in code
    done = subprocess.run(
        [sys.executable, "-c", code.replace("/proc/1/cmdline", str(proc))],
        cwd=house.path,
        env=house.environment,
        capture_output=True,
        timeout=DEADLINE,
    )
    return done.returncode == 0


def test_a_part_is_healthy_while_its_redis_answers(tmp_path: Path) -> None:
    receiver = "/sbin/docker-init -- /opt/venv/bin/python /opt/venv/bin/bellhop receiver"
    worker = "/opt/venv/bin/python /opt/venv/bin/bellhop worker -n 4"
    server = Server(tmp_path / "redis")
    house = House(tmp_path, server.url)
    house.environment["BELLHOP_HOST"] = "0.0.0.0"
    try:
        server.start()
        assert is_healthy(house, worker)
        assert not is_healthy(house, receiver)  # none runs
        house.start("receiver")
        house.await_ready()
        assert is_healthy(house, receiver)

        server.kill()
        assert not is_healthy(house, worker)
        assert not is_healthy(house, receiver)
        server.start()
        eventually(lambda: is_healthy(house, receiver), "it is healthy again")
        assert is_healthy(house, worker)
    finally:
        house.end()
        server.end()
