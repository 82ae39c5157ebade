"""The ways to Redis: TLS, users with few rights, sentinels. Each with real servers."""

import datetime
import ipaddress
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from redis.exceptions import ConnectionError as RedisConnectionError

from bellhop.connections import connect
from tests.system.conftest import House, eventually
from tests.system.redis_server import Server, Wire, wait_for_replicas

HANDLER = '@on("lock.*")\ndef handle(event): ran(event.event_id)\n'


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "redis")
    server.start()
    yield server
    server.end()


def go_through(house: House) -> None:
    """Start a receiver and a worker, and see an event through."""
    house.handlers(HANDLER)
    house.start("receiver")
    house.start("worker")
    house.await_ready()
    assert house.post(event_id="through").status_code == 202
    house.await_lines(1)
    assert house.lines() == ["through"]
    assert "Traceback" not in house.output()
    assert "NOPERM" not in house.output()


# TLS


def certificate(path: Path) -> tuple[Path, Path]:
    """Make a certificate for 127.0.0.1 that its own authority; return it and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "redis.test")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    (path / "ca.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (path / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path / "ca.pem", path / "key.pem"


@pytest.fixture
def tls(tmp_path: Path, server: Server) -> Iterator[str]:
    """A URL that leads to the server through TLS, without the certificate to trust."""
    ca, key = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ca, key)
    wire = Wire(server.port, context)
    yield f"rediss://127.0.0.1:{wire.port}"
    wire.end()


def test_an_event_goes_through_over_tls(tmp_path: Path, tls: str) -> None:
    house = House(tmp_path, f"{tls}?ssl_ca_certs={tmp_path}/ca.pem")
    try:
        go_through(house)
    finally:
        house.end()


def test_a_certificate_that_is_not_trusted_is_refused(tmp_path: Path, tls: str) -> None:
    house = House(tmp_path, tls)
    answer = house.run("worker")
    assert answer.returncode == 1
    assert answer.stderr.startswith(f"bellhop: cannot reach Redis at {tls} (")
    assert "certificate verify failed" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_who_says_so_need_not_verify(tls: str) -> None:
    with connect(f"{tls}?ssl_cert_reqs=none") as client:
        assert client.ping()


def test_a_certificate_file_that_is_not_there_is_told(tmp_path: Path, tls: str) -> None:
    answer = House(tmp_path, f"{tls}?ssl_ca_certs=/no/such.pem").run("worker")
    assert answer.returncode == 1
    assert answer.stderr.startswith("bellhop: cannot reach Redis at ")
    assert "Traceback" not in answer.stderr


# Users


@pytest.mark.parametrize("command", ["receiver", "worker", "up"])
def test_a_wrong_password_is_told_and_not_shown(
    command: str, tmp_path: Path, server: Server
) -> None:
    house = House(tmp_path, f"redis://bellhop:hunter2@127.0.0.1:{server.port}")
    answer = house.run(command)
    assert answer.returncode == 1
    assert answer.stderr == (
        f"bellhop: cannot reach Redis at redis://127.0.0.1:{server.port} (invalid "
        "username-password pair or user is disabled.): is it running, and is BELLHOP_REDIS_URL "
        "right?\n"
    )


# Sentinels


class Watched:
    """A primary, a replica and three sentinels."""

    def __init__(self, path: Path) -> None:
        self.primary, self.replica = Server(path / "primary"), Server(path / "replica")
        self.sentinels = [Server(path / f"sentinel{number}", sentinel=True) for number in range(3)]
        self.all = [self.primary, self.replica, *self.sentinels]

    def start(self) -> None:
        self.primary.start()
        self.replica.start("--replicaof", "127.0.0.1", str(self.primary.port))
        for sentinel in self.sentinels:
            sentinel.start()
            monitor = ("127.0.0.1", self.primary.port, 2)
            sentinel.command("SENTINEL", "MONITOR", "mymaster", *monitor)
            for name, value in (("down-after-milliseconds", 500), ("failover-timeout", 5000)):
                sentinel.command("SENTINEL", "SET", "mymaster", name, value)
        wait_for_replicas(self.primary, 1)
        for sentinel in self.sentinels:
            eventually(lambda sentinel=sentinel: self._ready(sentinel), "it knows them all")  # type: ignore[misc]

    def _ready(self, sentinel: Server) -> bool:
        with sentinel.client() as client:
            known = client.sentinel_master("mymaster")
            return bool(known["num-slaves"] == 1 and known["num-other-sentinels"] == 2)

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://{hosts}/mymaster/0"


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    watched = Watched(tmp_path)
    with ExitStack() as stack:
        for server in watched.all:
            stack.callback(server.end)
        watched.start()
        yield watched


def test_receiver_and_workers_follow_a_failover_and_lose_nothing(
    tmp_path: Path, watched: Watched
) -> None:
    house = House(tmp_path, watched.url)
    accepted = []
    try:
        house.handlers(
            'import pathlib\n@on("lock.*")\ndef handle(event):\n'
            '    while not pathlib.Path("go").exists(): time.sleep(0.01)\n'
            "    ran(event.event_id)\n"
        )
        house.start("receiver")
        house.start("worker")
        house.await_ready()
        for number in range(10):  # the first is in a handler's hands, the others wait
            assert house.post(event_id=f"before{number}").status_code == 202
            accepted.append(f"before{number}")
        wait_for_replicas(watched.primary, 1)

        watched.primary.kill()
        watched.sentinels[0].kill()
        assert house.post(event_id="between").status_code == 503
        (tmp_path / "go").touch()
        eventually(
            lambda: house.post(event_id="after").status_code == 202,
            "the receiver has found the new primary",
            shown=house.output,
        )
        accepted.append("after")

        eventually(lambda: set(house.lines()) >= set(accepted), "all ran", shown=house.output)
        assert house.post(event_id="before0").status_code == 200
        assert sorted(house.lines()) == sorted(accepted)
        assert "Traceback" not in house.output()
    finally:
        house.end()


def test_a_demoted_primary_is_left_at_once(watched: Watched) -> None:
    """A failover by hand: the old primary lives on, as a replica."""
    with connect(watched.url) as client:
        client.set("before", 1)
        watched.sentinels[0].command("SENTINEL", "FAILOVER", "mymaster")

        def is_promoted() -> bool:
            # On a connection of its own: the sentinel breaks those that it finds.
            try:
                with watched.replica.client() as promoted:
                    return bool(promoted.info()["role"] == "master")
            except RedisConnectionError:
                return False

        eventually(is_promoted, "it is promoted")
        # The sentinels would do so within 10 s, when they look at it the next time.
        watched.primary.command("REPLICAOF", "127.0.0.1", watched.replica.port)

        def follows() -> bool:
            try:
                client.set("after", 1)
            except RedisConnectionError:  # there is none at the moment
                return False
            pool: Any = client.connection_pool
            return bool(pool.master_address[1] == watched.replica.port)

        eventually(follows, "it writes to the new primary")
        assert client.get("before") == b"1"


def test_sentinels_that_do_not_know_the_service_are_told(tmp_path: Path, watched: Watched) -> None:
    url = watched.url.replace("mymaster", "other")
    answer = House(tmp_path, url).run("worker")
    assert answer.returncode == 1
    assert "No master found for 'other'" in answer.stderr
    assert "Traceback" not in answer.stderr
