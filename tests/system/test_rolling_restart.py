"""A deploy under load: receivers and pools are replaced one after the other, and nobody notices."""

import threading
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from subprocess import Popen

import httpx
import pytest

from tests.system.conftest import ANSWER_WITHIN, House, delivery, eventually, free_port

DEVICES = 8
HANDLERS = """
@on("lock.*", name="plain")
def plain(event):
    time.sleep(0.002)
    ran("plain", event.device_id, event.event_id)

@on("lock.*", name="waits")
async def waits(event):
    await asyncio.sleep(0.005)
    ran("waits", event.device_id, event.event_id)
"""


class Balancer:
    """Sends each device's events in order, to the other receiver when one does not take them."""

    def __init__(self, ports: list[int]) -> None:
        self._urls = [f"http://127.0.0.1:{port}/webhooks/seam" for port in ports]
        self.sent: dict[str, list[str]] = defaultdict(list)
        self.over = threading.Event()

    def send(self, number: int) -> None:
        """Send one device's events until it is over."""
        device, at = f"door{number}", number
        with httpx.Client(timeout=20) as client:
            while not self.over.is_set():
                body, headers, event_id = delivery(device_id=device)
                while not self._is_taken(client, at, body, headers):
                    at += 1
                self.sent[device].append(event_id)
                self.over.wait(0.03)  # about what the workers can do

    def _is_taken(
        self, client: httpx.Client, at: int, body: bytes, headers: dict[str, str]
    ) -> bool:
        try:
            answer = client.post(self._urls[at % 2], content=body, headers=headers)
        except httpx.TransportError:
            return False
        assert answer.status_code in (200, 202)  # 200: it came twice, the answer was lost
        return True


@pytest.mark.long
@pytest.mark.parametrize("receivers", ["1", "2"])
def test_a_rolling_restart_under_load_loses_and_doubles_nothing(
    house: House, receivers: str
) -> None:
    house.handlers(HANDLERS)
    house.environment["BELLHOP_PROCESSES"] = receivers
    ports = [free_port(), free_port()]

    def site(port: int) -> list[Popen[str]]:
        before = house.output().count("worker ready")
        started = [house.start("receiver", "--port", str(port)), house.start("worker")]

        def takes_requests() -> bool:
            try:
                url = f"http://127.0.0.1:{port}/health/ready"
                return httpx.get(url, timeout=ANSWER_WITHIN).is_success
            except httpx.TransportError:
                return False

        eventually(takes_requests, "the receiver is ready", shown=house.output)
        eventually(
            lambda: house.output().count("worker ready") > before, "a worker", shown=house.output
        )
        return started

    sites = [site(port) for port in ports]
    balancer = Balancer(ports)
    with ThreadPoolExecutor(DEVICES) as threads:
        senders = [threads.submit(balancer.send, number) for number in range(DEVICES)]
        try:
            for port, processes in zip(ports, sites, strict=True):
                goes_on(house)
                for process in processes:
                    process.terminate()
                assert [process.wait(60) for process in processes] == [0, 0], house.output()
                goes_on(house)
                site(port)
            goes_on(house)
        finally:
            balancer.over.set()
        for sender in senders:
            sender.result()

    count = sum(map(len, balancer.sent.values()))
    house.await_lines(2 * count)
    handled: dict[tuple[str, str], list[str]] = defaultdict(list)
    for line in house.lines():
        handler, device, event_id = line.split()
        handled[handler, device].append(event_id)
    assert count > 200
    assert handled == {
        (handler, device): ids
        for handler in ("plain", "waits")
        for device, ids in balancer.sent.items()
    }


def goes_on(house: House) -> None:
    """Wait until more has been handled."""
    house.await_lines(len(house.lines()) + 100)
