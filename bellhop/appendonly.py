"""The embedded server's files: what is damaged in them, and how they are mended.

Valkey keeps a base (a snapshot), the commands since then in one or more incremental files, and a
manifest that names them in order. A power cut can leave junk or zeros at the end of a file. The
server then refuses to start, or, without a manifest, would start empty over what is there. The
programs that check the files are the server's binary under other names.
"""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bellhop.errors import BellhopError
from bellhop.valkey import ServerNotStarted, ValkeyProcess, connect_socket, server_binary

FOLDER = "appendonlydir"
MANIFEST = "appendonly.aof.manifest"
_REPAIRED = f"{FOLDER}.repaired"
_FILE = re.compile(r"appendonly\.aof\.([0-9]+)\.(base|incr)\.(?:rdb|aof)")
_LINE = re.compile(r"file (\S+) seq ([0-9]+) type ([bih])(?: .*)?")
_GOOD_UP_TO = re.compile(r"ok_up_to=([0-9]+)")
_WRITTEN_AT = re.compile(rb"#TS:([0-9]+)\r\n")


class NotRepaired(BellhopError):
    """The files cannot be mended; they are as they were."""


@dataclass(frozen=True, slots=True)
class Damage:
    """What is wrong with a file: only its first `kept` bytes can be used, `lost` cannot.

    `since`: from when on it may lack what was written, if that is known.
    """

    file: str
    what: str
    kept: int = 0
    lost: int = 0
    since: datetime | None = None

    def __str__(self) -> str:
        if not self.lost:
            return f"{self.file}: {self.what}"
        when = f", written after {self.since:%Y-%m-%d %H:%M:%S} UTC" if self.since else ""
        return f"{self.file}: {self.what}; {self.lost} bytes are lost{when}"


def would_start_empty(data: Path) -> bool:
    """Whether the server would start, but without what is there: it may even write over it."""
    folder = data / FOLDER
    if not folder.exists():
        return (data / _REPAIRED).exists()
    listed = _manifest(folder)
    bases = [folder / name for name in listed if ".base." in name]
    return bool(_files(folder) and not listed) or any(
        base.is_file() and not base.stat().st_size for base in bases
    )


def find_damage(data: Path) -> list[Damage]:
    """Check the files in the directory of a server that does not run, and change none."""
    folder = data / FOLDER
    if not folder.exists() and (data / _REPAIRED).exists():
        return [Damage(FOLDER, "an earlier repair did not come to its end")]
    files = _files(folder)
    listed = _manifest(folder)
    damage = []
    if files and not listed:
        damage.append(Damage(MANIFEST, "it is missing or damaged, and can be made again"))
    damage += [
        Damage(name, "it is missing, and what was in it is lost")
        for name in listed
        if not (folder / name).is_file()
    ]
    in_use = [name for name in listed if (folder / name).is_file()] or files
    return damage + [found for name in in_use if (found := _check(folder / name))]


def repair(data: Path, damage: Sequence[Damage], now: datetime) -> Path:
    """Mend the files, and return where the damaged ones are kept.

    A server must be able to load what was mended before it takes the place of the damaged files.
    Raises `NotRepaired`.
    """
    folder, repaired = data / FOLDER, data / _REPAIRED
    kept = data / f"{FOLDER}.damaged-{now:%Y%m%dT%H%M%SZ}"
    if not folder.exists():
        repaired.rename(folder)
        return max(data.glob(f"{FOLDER}.damaged-*"), default=folder)
    try:
        shutil.rmtree(repaired, ignore_errors=True)
        shutil.copytree(folder, repaired)
        for one in damage:
            _mend(repaired, one)
        _write_manifest(repaired, [name for name in _in_use(folder) if (repaired / name).exists()])
        _try_out(data)
        folder.rename(kept)
        repaired.rename(folder)
    except (OSError, ServerNotStarted) as error:
        raise NotRepaired(
            f"the files in {folder} cannot be mended ({error}); they are as they were: restore "
            "them from a backup, or move them away to begin again"
        ) from error
    return kept


def _files(folder: Path) -> list[str]:
    """Return the names of the files that are in use if no manifest says so, in order.

    The last base, and what was written to since that was complete.
    """
    found = [(match, path) for path in folder.glob("*") if (match := _FILE.fullmatch(path.name))]
    bases = sorted((int(match[1]), path) for match, path in found if match[2] == "base")
    others = sorted((int(match[1]), path) for match, path in found if match[2] == "incr")
    if len(bases) > 1:
        complete = bases[-1][1].stat().st_mtime
        others = [one for one in others if one[1].stat().st_mtime >= complete] or others[-1:]
    return [path.name for _, path in [*bases[-1:], *others]]


def _manifest(folder: Path) -> list[str]:
    """Return the names that the manifest lists, none if it is missing or damaged."""
    try:
        lines = (folder / MANIFEST).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    matches = [_LINE.fullmatch(line) for line in lines if not line.startswith("#")]
    if not all(matches):
        return []
    return [match[1] for match in matches if match and match[3] != "h"]


def _in_use(folder: Path) -> list[str]:
    return _manifest(folder) or _files(folder)


def _write_manifest(folder: Path, names: Sequence[str]) -> None:
    lines = [
        f"file {name} seq {match[1]} type {match[2][0]}\n"
        for name in names
        if (match := _FILE.fullmatch(name))
    ]
    (folder / MANIFEST).write_text("".join(lines), "utf-8")


def _check(file: Path) -> Damage | None:
    size = file.stat().st_size
    if file.suffix == ".rdb":
        checked = _run("valkey-check-rdb", file)
        if checked.returncode == 0 and size:
            return None
        return Damage(file.name, "the snapshot is damaged, and cannot be used", lost=size)
    checked = _run("valkey-check-aof", file)
    good = _GOOD_UP_TO.search(checked.stdout)
    if checked.returncode == 0 or not size or not good:
        return None
    kept = int(good[1])
    what = f"it is damaged after {kept} of {size} bytes"
    return Damage(file.name, what, kept, size - kept, _last_written(file, kept))


def _run(program: str, file: Path) -> "subprocess.CompletedProcess[str]":
    """Run the server's binary as another program, which it is by its name."""
    return subprocess.run(
        [program, str(file)],
        executable=server_binary(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )


def _last_written(file: Path, before: int) -> datetime | None:
    """Return the last time that the server has noted in a file before a place in it."""
    with file.open("rb") as opened:
        opened.seek(max(0, before - 1024**2))
        times = _WRITTEN_AT.findall(opened.read(min(before, 1024**2)))
    return datetime.fromtimestamp(int(times[-1]), UTC) if times else None


def _mend(folder: Path, damage: Damage) -> None:
    file = folder / damage.file
    if damage.kept:
        with file.open("r+b") as opened:
            opened.truncate(damage.kept)
    else:
        file.unlink(missing_ok=True)


def _try_out(data: Path) -> None:
    """Have a server load the mended files. Raises `ServerNotStarted`."""
    with tempfile.TemporaryDirectory() as folder:  # a path of data may be too long for a socket
        socket = Path(folder) / "redis.sock"
        server = ValkeyProcess(
            data,
            {
                "appendonly": "yes",
                "appenddirname": _REPAIRED,
                "save": "",
                "port": "0",
                "unixsocket": str(socket),
                "unixsocketperm": "700",
            },
        )
        try:
            server.wait_until_ready(lambda: connect_socket(socket))
        finally:
            server.kill()
