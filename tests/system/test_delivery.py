"""From the request to the handler, on receiver and worker processes, with things going wrong."""

import os
import signal
import threading
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import httpx
import pytest

from bellhop.connections import connect
from tests.one_worker import queued_shifts
from tests.system.conftest import ANSWER_WITHIN, House, delivery, descendants, eventually


def test_two_thousand_events_of_fifty_devices_are_each_handled_once_in_order(
    house: House,
) -> None:
    house.handlers(
        '@on("lock.*")\n'
        "def handle(event):\n"
        "    ran(event.device_id, event.event_id, os.getpid())\n"
        "    time.sleep(0.002)\n"
    )
    house.start("receiver")
    house.start("worker", "-n", "2")
    house.await_ready()
    eventually(lambda: house.output().count("worker ready") == 2, "both workers are ready")
    requests = [delivery(device_id=f"door{number % 50}") for number in range(2000)]
    accepted: dict[str, list[str]] = defaultdict(list)

    def post_for_some_devices(connection: int) -> None:
        # All events of a device go over one connection, so that their order is known.
        with httpx.Client(timeout=ANSWER_WITHIN) as client:
            for number, (body, headers, event_id) in enumerate(requests):
                device = number % 50
                if device % 32 == connection:
                    answer = client.post(house.webhook, content=body, headers=headers)
                    assert answer.status_code == 202
                    accepted[f"door{device}"].append(event_id)

    with ThreadPoolExecutor(32) as threads:
        for done in [threads.submit(post_for_some_devices, number) for number in range(32)]:
            done.result()
    house.await_lines(2000)

    handled: dict[str, list[str]] = defaultdict(list)
    workers = set()
    for line in house.lines():
        device, event_id, worker = line.split()
        handled[device].append(event_id)
        workers.add(worker)
    assert handled == accepted
    assert len(workers) == 2


@pytest.mark.long
def test_few_shifts_wait_in_rqs_queue_however_long_events_come_one_by_one(house: House) -> None:
    """What is enqueued beside shifts that rest, and come back, must not pile up."""
    house.handlers('@on("lock.*")\ndef handle(event):\n    time.sleep(0.02)\n    ran("one")\n')
    house.start("receiver")
    house.start("worker", "-n", "2")
    house.await_ready()
    eventually(lambda: house.output().count("worker ready") == 2, "both workers are ready")
    requests = [delivery(device_id=f"door{number}") for number in range(200)]
    waited, pauses = [], Random(1)
    with connect(house.environment["BELLHOP_REDIS_URL"]) as redis, httpx.Client() as client:
        for body, headers, _ in requests:
            client.post(house.webhook, content=body, headers=headers, timeout=ANSWER_WITHIN)
            waited.append(queued_shifts(redis))
            time.sleep(pauses.expovariate(60))  # now faster than they are handled, now slower
    house.await_lines(200)
    assert max(waited) <= 3


def test_a_delivery_that_comes_again_is_answered_200_and_not_handled_again(house: House) -> None:
    house.handlers('@on("lock.*")\ndef handle(event): ran(event.event_id)\n')
    house.start("receiver")
    house.start("worker")
    house.await_ready()
    body, headers, event_id = delivery()

    new_body, new_headers, _ = delivery(event_id=event_id)
    with httpx.Client(timeout=ANSWER_WITHIN) as client:
        first = client.post(house.webhook, content=body, headers=headers)
        again = client.post(house.webhook, content=body, headers=headers)
        renamed = client.post(house.webhook, content=new_body, headers=new_headers)
    house.post(event_id="next")
    house.await_lines(2)

    assert [first.status_code, again.status_code, renamed.status_code] == [202, 200, 200]
    assert house.lines() == [event_id, "next"]


def test_an_event_whose_worker_is_killed_is_handled_by_another(house: House) -> None:
    house.handlers(
        '@on("lock.*")\n'
        "def handle(event):\n"
        "    ran(event.event_id, os.getpid())\n"
        "    if event.event_id == 'kills' and not os.path.exists('killed'):\n"
        "        open('killed', 'w').close()\n"
        "        time.sleep(25)\n"
    )
    house.start("receiver")
    pool = house.start("worker", "-n", "2")
    house.await_ready()
    for event_id in ("kills", "behind"):
        assert house.post(event_id=event_id, device_id="front").status_code == 202
    house.await_lines(1)
    worker = int(house.lines()[0].split()[1])
    assert worker in descendants(pool.pid)

    os.kill(worker, signal.SIGKILL)
    house.await_lines(3)

    assert [line.split()[0] for line in house.lines()] == ["kills", "kills", "behind"]
    assert str(worker) not in house.lines()[1]
    eventually(lambda: len(descendants(pool.pid)) == 2, "the worker is replaced")


@pytest.mark.long
def test_a_handler_that_cannot_be_interrupted_costs_its_worker_and_nothing_else(
    house: House,
) -> None:
    house.handlers(
        '@on("lock.*", timeout=1)\n'
        "def handle(event):\n"
        "    clings = event.event_id == 'stuck' and not os.path.exists('clung')\n"
        "    open('clung', 'w').close()\n"
        "    while clings:\n"
        "        try:\n"
        "            time.sleep(10)\n"
        "        except BaseException:\n"
        "            pass\n"
        "    ran('done with', event.event_id)\n"
    )
    house.start("receiver")
    house.start("worker", "-n", "2")
    house.await_ready()
    house.post(event_id="stuck", device_id="front")
    eventually((house.path / "clung").exists, "it clings")
    house.post(event_id="other", device_id="back")
    eventually(lambda: "done with other" in house.lines(), "the other device is served")
    eventually(lambda: "done with stuck" in house.lines(), "the event is handled again")

    assert "a handler cannot be interrupted; ending its worker" in house.output()


def test_log_lines_that_nobody_reads_stop_nothing(house: House) -> None:
    house.handlers(
        '@on("lock.*", attempts=1)\ndef fails(event): raise ValueError\n'
        '@on("lock.*")\ndef works(event): ran(event.event_id)\n'
    )
    house.start("receiver")
    house.start("worker", output=Path("/dev/full"))
    house.await_ready()
    for number in range(3):
        house.post(event_id=f"e{number}", device_id="front")
    house.await_lines(3)

    assert house.lines() == ["e0", "e1", "e2"]


def test_what_a_killed_receiver_answered_202_is_handled(house: House) -> None:
    house.handlers('@on("lock.*")\ndef handle(event): ran(event.event_id)\n')
    receiver = house.start("receiver")
    house.start("worker")
    house.await_ready()
    accepted: set[str] = set()
    under_way = threading.Event()

    def post_until_it_is_gone() -> None:
        with httpx.Client(timeout=ANSWER_WITHIN) as client:
            for _ in range(5000):
                body, headers, event_id = delivery()
                try:
                    answer = client.post(house.webhook, content=body, headers=headers)
                except httpx.TransportError:
                    return
                assert answer.status_code == 202
                accepted.add(event_id)
                if len(accepted) > 50:
                    under_way.set()

    with ThreadPoolExecutor(4) as threads:
        senders = [threads.submit(post_until_it_is_gone) for _ in range(4)]
        assert under_way.wait(30)
        os.kill(receiver.pid, signal.SIGKILL)
        for sender in senders:
            sender.result()
    eventually(lambda: accepted <= set(house.lines()), "all that was accepted is handled")

    assert len(house.lines()) == len(set(house.lines()))


def test_workers_go_on_by_themselves_when_redis_comes_back(lonely_house: House) -> None:
    from bellhop.embedded import EmbeddedRedis

    house = lonely_house
    server = EmbeddedRedis(house.path / ".bellhop")
    server.start()
    house.environment["BELLHOP_REDIS_URL"] = server.url
    house.environment["BELLHOP_WEBHOOK_SECRETS"] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    house.handlers('@on("lock.*")\ndef handle(event): ran(event.event_id)\n')
    house.start("receiver")
    house.start("worker")
    house.await_ready()
    assert house.post(event_id="before").status_code == 202
    house.await_lines(1)

    server.stop()
    refused = house.post(event_id="during")
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    server.start()
    assert house.post(event_id="after").status_code == 202
    house.await_lines(2)

    assert house.lines() == ["before", "after"]
    house.end()
    server.stop()


def test_a_pool_that_is_asked_to_stop_finishes_what_it_runs(house: House) -> None:
    house.handlers(
        '@on("lock.*")\n'
        "def handle(event):\n"
        "    ran('began', event.event_id)\n"
        "    time.sleep(1)\n"
        "    ran('ended', event.event_id)\n"
    )
    house.start("receiver")
    pool = house.start("worker")
    house.await_ready()
    house.post(event_id="first", device_id="front")
    house.post(event_id="second", device_id="front")
    house.await_lines(1)

    pool.terminate()
    assert pool.wait(20) == 0
    assert house.lines() == ["began first", "ended first"]

    house.start("worker")
    house.await_lines(4)
    assert house.lines()[2:] == ["began second", "ended second"]


@pytest.mark.parametrize("as_callback", [False, True])
def test_whoever_can_write_to_redis_cannot_run_code(
    house: House, redis_url: str, as_callback: bool
) -> None:
    from rq import Callback, Queue
    from rq.serializers import JSONSerializer

    house.handlers(
        '@on("lock.*")\ndef handle(event): ran(event.event_id)\n'
        "def run_by_a_stranger(*_): ran('whatever a stranger likes')\n"
    )
    house.start("receiver")
    house.start("worker")
    house.await_ready()
    with connect(redis_url) as redis:
        queue = Queue("bellhop", connection=redis, serializer=JSONSerializer)
        if as_callback:
            callback = Callback("handlers.mine.run_by_a_stranger")
            queue.enqueue("bellhop_workers.shift.work", on_success=callback)
        else:
            queue.enqueue("os.system", "touch run-by-a-stranger")
    house.post(event_id="real")
    house.await_lines(1)

    assert house.lines() == ["real"]
    assert not (house.path / "run-by-a-stranger").exists()
    assert "died_of" not in house.output()
