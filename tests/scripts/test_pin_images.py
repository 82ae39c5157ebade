"""What `pin-images` writes into the Dockerfile and compose.yaml, asking made-up tools."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.scripts.conftest import ROOT

PYTHON, VALKEY = "sha256:" + "a" * 64, "sha256:" + "b" * 64
FILES = ("Dockerfile", "compose.yaml")
ANSWER = f"""
    *python:*) echo {PYTHON} ;;
    *valkey:*) echo {VALKEY} ;;
    *) exit 1 ;;
"""
DOCKER = f"""#!/bin/sh
[ "$1 $2" = "buildx version" ] && exit 0
[ "$1 $2 $3 $4 $5" = "buildx imagetools inspect --format {{{{.Manifest.Digest}}}}" ] || exit 2
case $6 in *@*) exit 3 ;; {ANSWER} esac
"""
SKOPEO = f"""#!/bin/sh
[ "$1 $2 $3" = "inspect --format {{{{.Digest}}}}" ] || exit 2
case $4 in *@*) exit 3 ;; docker://*) ;; *) exit 4 ;; esac
case $4 in {ANSWER} esac
"""


class Clone:
    """A folder with what the script reads, and a PATH on which no other tool is found."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "bin"
        for name in ("bin", "scripts"):
            (folder / name).mkdir()
        shutil.copy(ROOT / "scripts" / "pin-images", folder / "scripts")
        for name in FILES:
            self.write(name, self.unpinned(name))
        for tool in ("bash", "cat", "cmp", "dirname", "mktemp", "rm", "sh"):
            found = shutil.which(tool)
            assert found
            (self.bin / tool).symlink_to(found)

    @staticmethod
    def unpinned(name: str) -> str:
        """Return a file of the repository, without the digests that it may have by now."""
        text = (ROOT / name).read_text()
        return "\n".join(line.split("@sha256:")[0] for line in text.split("\n"))

    def give(self, tool: str, text: str) -> None:
        (self.bin / tool).write_text(text)
        (self.bin / tool).chmod(0o755)

    def read(self, name: str) -> str:
        return (self.folder / name).read_text()

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def pin(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.bin / "bash", self.folder / "scripts" / "pin-images"],
            env={"PATH": str(self.bin)},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


@pytest.mark.parametrize(("tool", "text"), [("docker", DOCKER), ("skopeo", SKOPEO)])
def test_every_base_image_is_pinned_and_nothing_else_is_changed(
    clone: Clone, tool: str, text: str
) -> None:
    clone.give(tool, text)
    done = clone.pin()
    assert done.returncode == 0, done.stderr
    for name, digest in zip(FILES, (PYTHON, VALKEY), strict=True):
        pinned = clone.read(name)
        assert pinned.count(f"@{digest}\n") == 1
        assert pinned.replace(f"@{digest}", "") == clone.unpinned(name)
    assert f"python:3.12-slim is {PYTHON} now (before: not pinned)" in done.stderr
    assert f"valkey:9 is {VALKEY} now (before: not pinned)" in done.stderr


def test_an_older_digest_is_renewed(clone: Clone) -> None:
    old = "sha256:" + "0" * 64
    clone.give("docker", DOCKER)
    text = clone.unpinned("Dockerfile")
    clone.write("Dockerfile", text.replace("3.12-slim\n", f"3.12-slim@{old}\n"))
    assert f"is {PYTHON} now (before: @{old})" in clone.pin().stderr
    assert old not in clone.read("Dockerfile")
    before = clone.read("Dockerfile")
    assert "python:3.12-slim is up to date" in clone.pin().stderr
    assert clone.read("Dockerfile") == before


def test_with_neither_tool_it_says_which_to_install(clone: Clone) -> None:
    done = clone.pin()
    assert done.returncode == 1
    assert done.stderr == (
        "pin-images: neither docker with buildx nor skopeo is there: "
        "install one of them (Debian: apt install skopeo)\n"
    )


def test_docker_without_buildx_is_not_asked(clone: Clone) -> None:
    clone.give("docker", "#!/bin/sh\nexit 1\n")
    clone.give("skopeo", SKOPEO)
    assert clone.pin().returncode == 0
    assert PYTHON in clone.read("Dockerfile")


@pytest.mark.parametrize("answer", ["exit 1", "echo latest"])
def test_if_one_digest_cannot_be_had_nothing_is_written(clone: Clone, answer: str) -> None:
    clone.give("skopeo", SKOPEO.replace(f"echo {VALKEY}", answer))
    done = clone.pin()
    assert done.returncode == 1
    assert done.stderr.endswith("; nothing is changed\n")
    assert "valkey:9" in done.stderr.splitlines()[-1]
    for name in FILES:
        assert clone.read(name) == clone.unpinned(name)
