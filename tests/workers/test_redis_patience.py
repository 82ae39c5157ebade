"""The client that RQ gets: it waits for Redis, so that no outage ends a worker."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError, ResponseError, WatchError
from rq.exceptions import StopRequested
from structlog.testing import capture_logs

from bellhop.connections import connect
from bellhop_workers.patience import PatientRedis
from bellhop_workers.runtime import Runtime
from tests.system.conftest import eventually
from tests.system.redis_outages import Outage, killed, out_of_memory, wrong_password
from tests.system.redis_server import Server
from tests.workers.conftest import Workplace

OUTAGES = pytest.mark.parametrize(
    "outage", [out_of_memory, wrong_password, killed], ids=lambda outage: outage.__name__
)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "redis")
    server.start()
    yield server
    server.end()


@pytest.fixture
def runtime(workplace: Workplace) -> Runtime:
    return workplace.runtime


@pytest.fixture
def patient(server: Server, runtime: Runtime) -> Iterator[PatientRedis]:
    client = connect(server.url)
    yield PatientRedis(client, runtime)
    client.close()


@contextmanager
def until_it_waits(outage: Outage, server: Server) -> Iterator[None]:
    """Let Redis be away until somebody says that he waits for it."""
    with capture_logs() as lines, ExitStack() as stack:
        stack.enter_context(outage(server))
        end = stack.pop_all()

        def mend() -> None:
            eventually(lambda: any("Redis" in line["event"] for line in lines), "somebody waits")
            end.close()

        mending = threading.Thread(target=mend)
        mending.start()
        yield
        mending.join()
    said = [line["event"] for line in lines if "Redis" in line["event"]]
    assert said == ["Redis is away; waiting for it", "Redis is back"]


@OUTAGES
def test_a_command_returns_when_it_is_done(
    outage: Outage, server: Server, patient: PatientRedis
) -> None:
    with until_it_waits(outage, server):
        assert patient.set("key", "value")
    assert patient.get("key") == b"value"


@OUTAGES
@pytest.mark.parametrize("transaction", [True, False])
def test_a_pipeline_is_repeated_whole(
    transaction: bool, outage: Outage, server: Server, patient: PatientRedis
) -> None:
    pipeline: Any = patient.pipeline(transaction=transaction)
    pipeline.set("one", 1)
    pipeline.set("two", 2)
    with until_it_waits(outage, server):
        assert pipeline.execute() == [True, True]
    assert patient.mget("one", "two") == [b"1", b"2"]
    assert len(pipeline) == 0


@OUTAGES
def test_a_transaction_that_watches_begins_anew(
    outage: Outage, server: Server, patient: PatientRedis
) -> None:
    with patient.pipeline() as pipeline:
        pipeline.watch("key")  # type: ignore[no-untyped-call]
        pipeline.multi()
        pipeline.set("key", 1)
        with outage(server), pytest.raises(WatchError):
            pipeline.execute()
        with until_it_waits(killed, server):
            pipeline.watch("key")  # type: ignore[no-untyped-call]
        pipeline.multi()
        pipeline.set("key", 2)
        assert pipeline.execute() == [True]
    assert patient.get("key") == b"2"


def test_a_read_between_watch_and_transaction_begins_anew(
    server: Server, patient: PatientRedis
) -> None:
    with patient.pipeline() as pipeline:
        pipeline.watch("key")  # type: ignore[no-untyped-call]
        with killed(server), pytest.raises(WatchError):
            pipeline.get("key")


def test_a_call_that_is_wrong_is_told_at_once(patient: PatientRedis) -> None:
    patient.set("text", "x")
    with capture_logs() as lines, pytest.raises(ResponseError, match="WRONGTYPE"):
        patient.lpush("text", "x")
    assert lines == []


def test_a_worker_that_is_to_stop_does_not_wait(
    server: Server, patient: PatientRedis, runtime: Runtime
) -> None:
    runtime.stopping = True
    with killed(server), pytest.raises(StopRequested):
        patient.set("key", "value")


@pytest.mark.parametrize(
    ("outage", "error"), [(killed, RedisConnectionError), (out_of_memory, OutOfMemoryError)]
)
def test_another_thread_is_not_kept(
    outage: Outage, error: type[Exception], server: Server, patient: PatientRedis
) -> None:
    met: list[Exception] = []

    def beat() -> None:
        try:
            pipeline = patient.pipeline()
            pipeline.set("beat", 1)
            pipeline.execute()
        except Exception as error:
            met.append(error)

    thread = threading.Thread(target=beat)
    with outage(server):
        thread.start()
        thread.join()
    assert [type(one) for one in met] == [error]
