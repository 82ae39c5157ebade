"""Where `bellhop up` keeps what nobody else may read, on whatever folder it is given."""

import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from bellhop.embedded import EmbeddedRedis, embedded_url, socket_path
from bellhop.private_folder import UnusableFolder, is_private, make_private
from tests.bellhop.other_user import OTHER, as_root, being_other


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.mark.parametrize("before", [0o755, 0o777, 0o2775, 0o2770, 0o500, 0o1777])
def test_a_folder_of_any_mode_becomes_private(tmp_path: Path, before: int) -> None:
    folder = tmp_path / "private"
    folder.mkdir()
    folder.chmod(before)
    make_private(folder)
    assert mode(folder) & 0o777 == 0o700
    assert is_private(folder)


def test_no_umask_leaves_it_open(tmp_path: Path) -> None:
    for number, mask in enumerate((0, 0o022, 0o277)):
        before = os.umask(mask)
        try:
            make_private(tmp_path / f"private{number}")
        finally:
            os.umask(before)
        assert mode(tmp_path / f"private{number}") == 0o700


@pytest.mark.parametrize("what", ["file", "link", "dangling", "socket"])
def test_what_is_no_folder_is_in_the_way(tmp_path: Path, what: str) -> None:
    path = tmp_path / "private"
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as one:
        if what == "file":
            path.write_text("")
        elif what == "socket":
            one.bind(str(path))
        else:
            path.symlink_to(tmp_path / ("elsewhere" if what == "link" else "nowhere"))
    for act in (make_private, is_private):
        with pytest.raises(UnusableFolder, match="exists and is not a folder: move it away"):
            act(path)


def test_a_file_above_it_is_said(tmp_path: Path) -> None:
    (tmp_path / ".bellhop").write_text("")
    with pytest.raises(UnusableFolder, match=r"cannot be used \(Not a directory\)"):
        make_private(tmp_path / ".bellhop" / "private")
    assert not is_private(tmp_path / ".bellhop" / "private")
    assert embedded_url(tmp_path / ".bellhop" / "private") is None


@as_root
@pytest.mark.parametrize("owned", [(OTHER, OTHER), (0, OTHER)])
def test_a_folder_that_somebody_else_made_is_not_trusted(
    tmp_path: Path, owned: tuple[int, int]
) -> None:
    folder = tmp_path / "private"
    folder.mkdir(mode=0o700)
    os.chown(folder, *owned)
    if owned[0]:
        for act in (make_private, is_private, embedded_url):
            with pytest.raises(UnusableFolder, match=f"belongs to another user .{OTHER}."):
                act(folder)
    else:
        folder.chmod(0o2775)  # as Kubernetes leaves it at each mount of a volume with fsGroup
        with pytest.raises(UnusableFolder, match="can be written to by other users"):
            is_private(folder)
        make_private(folder)
        assert is_private(folder)


@as_root
def test_a_folder_in_a_volume_of_root_and_a_group_is_made_and_kept_private(
    open_folder: Path,
) -> None:
    for volume_mode in (0o2775, 0o777):
        volume = open_folder / oct(volume_mode)
        volume.mkdir()
        os.chown(volume, 0, OTHER)
        volume.chmod(volume_mode)
        with being_other():
            make_private(volume / "private")
            assert is_private(volume / "private")
        assert mode(volume / "private") & 0o777 == 0o700
        assert (volume / "private").stat().st_uid == OTHER
    locked = open_folder / "locked"
    locked.mkdir(mode=0o755)
    refusal = r"locked/private cannot be used \(Permission denied\)"
    with being_other(), pytest.raises(UnusableFolder, match=refusal):
        make_private(locked / "private")


# The server's socket


@pytest.fixture
def long_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder whose sockets have to be in /tmp."""
    state = tmp_path / ("x" * 100) / ".bellhop"
    yield state
    stand_in = socket_path(state).parent
    assert stand_in.parent == Path("/tmp")
    if stand_in.is_symlink():
        stand_in.unlink()
    elif stand_in.exists():
        for one in stand_in.iterdir():
            one.unlink()
        stand_in.rmdir()


def test_all_that_the_server_keeps_is_private(tmp_path: Path) -> None:
    state = tmp_path / ".bellhop" / "private"
    state.mkdir(parents=True)
    (tmp_path / ".bellhop").chmod(0o755)
    state.chmod(0o755)
    server = EmbeddedRedis(state)
    server.start()
    try:
        with Redis(unix_socket_path=str(socket_path(state))) as client:
            client.set("a", "b")
        assert mode(state) == 0o700
        kept = [path for path in (state / "redis").rglob("*") if path.name != "valkey.log"]
        assert [path for path in kept if mode(path) & 0o077] == []
        assert kept
        assert embedded_url(state) == server.url
    finally:
        server.stop()
    assert embedded_url(state) is None


@pytest.mark.parametrize("trap", ["open", "link", pytest.param("foreign", marks=as_root)])
def test_a_folder_in_tmp_that_somebody_else_made_is_not_trusted(
    long_folder: Path, tmp_path: Path, trap: str
) -> None:
    make_private(long_folder)
    stand_in = socket_path(long_folder).parent
    if trap == "link":
        (tmp_path / "theirs").mkdir(mode=0o700)
        stand_in.symlink_to(tmp_path / "theirs")
    else:
        stand_in.mkdir(mode=0o700)
    if trap == "open":
        stand_in.chmod(0o777)
    if trap == "foreign":
        os.chown(stand_in, OTHER, OTHER)
    with socket.socket(socket.AF_UNIX) as theirs:
        theirs.bind(str(stand_in / "redis.sock"))
        theirs.listen()
        with pytest.raises(UnusableFolder):
            embedded_url(long_folder)
    if trap != "open":
        with pytest.raises(UnusableFolder):
            EmbeddedRedis(long_folder).start()


@as_root
def test_a_socket_that_somebody_else_made_is_not_trusted(tmp_path: Path) -> None:
    state = tmp_path / "private"
    make_private(state)
    with socket.socket(socket.AF_UNIX) as theirs:
        theirs.bind(str(state / "redis.sock"))
    os.chown(state / "redis.sock", OTHER, OTHER)
    with pytest.raises(UnusableFolder, match="is not the socket that bellhop up makes"):
        embedded_url(state)


def test_a_file_in_the_place_of_the_socket_is_not_taken_for_one(tmp_path: Path) -> None:
    state = tmp_path / "private"
    make_private(state)
    (state / "redis.sock").write_text("")
    with pytest.raises(UnusableFolder, match="delete it"):
        EmbeddedRedis(state).start()
