"""Bellhop as pip installs it: a virtual environment with its wheel, or a clone of its source."""

import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from configparser import ConfigParser
from pathlib import Path

ROOT = Path(__file__).parents[2]


def built(source: Path, folder: Path, *, editable: bool = False) -> Path:
    """Return the wheel of a source, made in a folder."""
    target = "wheel:editable" if editable else "wheel:standard"
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)]
    subprocess.run(command, check=True, cwd=source, capture_output=True)
    [wheel] = folder.glob("seam_bellhop-*.whl")
    return wheel


def cloned(folder: Path) -> None:
    """Put the source into a folder, as a clone would."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)


def installed(wheel: Path, folder: Path) -> list[str]:
    """Install a wheel into a new virtual environment; return the arguments that start `bellhop`.

    The libraries are those of the tests, without the Bellhop that is installed among them.
    """
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    packages = folder / "lib" / f"python{sysconfig.get_python_version()}" / "site-packages"
    with zipfile.ZipFile(wheel) as archive:  # a pure wheel is installed by unpacking it
        archive.extractall(packages)
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    entry_points = ConfigParser()
    entry_points.read(next(packages.glob("seam_bellhop-*.dist-info")) / "entry_points.txt")
    module, _, function = entry_points["console_scripts"]["bellhop"].partition(":")
    script = folder / "bin" / "bellhop"
    script.write_text(f"import sys\nfrom {module} import {function}\nsys.exit({function}())\n")
    return [str(python), str(script)]
