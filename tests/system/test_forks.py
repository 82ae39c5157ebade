"""Handlers that fork: no process that they fork goes on as a second worker."""

import os
import signal

import psutil

from tests.system.conftest import House, descendants, eventually

HANDLERS = """
import ctypes, multiprocessing, pty, subprocess, sys, threading
from concurrent.futures import ProcessPoolExecutor

CTX = multiprocessing.get_context("fork")

def code(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

def twice(number):
    return 2 * number

def returns():
    return os.fork()

def raises():
    if not (pid := os.fork()):
        raise ValueError("48394")
    return pid

def exits():
    if not (pid := os.fork()):
        sys.exit(3)
    return pid

def in_a_terminal():
    pid, terminal = pty.fork()
    return pid

def c_code():
    return ctypes.CDLL(None).fork()

def daemon():
    if not (pid := os.fork()):
        os.setsid()
        if os.fork():
            os._exit(4)
    return pid

def executes():
    if not (pid := os.fork()):
        os.execv("/bin/sh", ["sh", "-c", "exit 5"])
    return pid

def in_a_thread():
    pids = []
    thread = threading.Thread(target=lambda: pids.append(os.fork()))
    thread.start()
    thread.join()
    return pids[0]

@on("lock.locked")
def sync(event):
    pid = globals()[event.device_id]()
    if pid: ran(event.device_id, code(pid))

@on("lock.unlocked")
async def asynchronous(event):
    if event.device_id == "in_an_executor":
        pid = await asyncio.to_thread(os.fork)
    elif event.device_id == "in_a_task":
        async def fork(): return os.fork()
        pid = await asyncio.create_task(fork())
    else:
        pid = returns()
        await asyncio.sleep(0)
    if pid: ran(event.device_id, code(pid))

@on("device.connected")
def allowed(event):
    process = CTX.Process(target=sys.exit, args=(6,))
    process.start()
    process.join()
    ran("process", process.exitcode)
    with CTX.Pool(1) as pool: ran("pool", pool.apply(twice, (7,)))
    ran("program", subprocess.run(["echo", "8"], stdout=-1, preexec_fn=os.setpgrp).stdout)

@on("device.disconnected")
async def allowed_on_the_loop(event):
    with ProcessPoolExecutor(1, mp_context=CTX) as pool:
        ran("executor", await asyncio.get_running_loop().run_in_executor(pool, twice, 9))

@on("device.removed")
def worker(event): ran("worker", os.getpid())
"""
SYNC = {
    "returns": 70,
    "raises": 70,
    "exits": 3,
    "in_a_terminal": 70,
    "c_code": 70,
    "daemon": 4,
    "executes": 5,
    "in_a_thread": 70,
}
ASYNC = {"awaits": 70, "in_a_task": 70, "in_an_executor": 70}
ALLOWED = ["executor 18", "pool 14", "process 6", "program b'8\\n'"]


def test_what_a_handler_forks_is_ended_before_it_goes_on_as_a_worker(house: House) -> None:
    house.handlers(HANDLERS)
    house.start("receiver")
    pool = house.start("worker")
    house.await_ready()
    for event_type, kinds in (("lock.locked", SYNC), ("lock.unlocked", ASYNC)):
        for kind in kinds:
            assert house.post(event_type, device_id=kind).status_code == 202
    for event_type in ("device.connected", "device.disconnected"):
        assert house.post(event_type).status_code == 202
    expected = sorted([f"{kind} {code}" for kind, code in {**SYNC, **ASYNC}.items()] + ALLOWED)
    house.await_lines(len(expected))

    devices = [f"d{number}" for number in range(20)]
    for device in devices:
        assert house.post("device.removed", device_id=device).status_code == 202
    house.await_lines(len(expected) + len(devices))
    lines = sorted(house.lines())
    [worker] = descendants(pool.pid)
    assert [line for line in lines if not line.startswith("worker")] == expected
    assert lines.count(f"worker {worker}") == len(devices)

    told = [line for line in house.output().splitlines() if "came back into the worker" in line]
    # All but the one that became another program. Of the daemon, the second process is told of.
    assert len(told) == len(SYNC) + len(ASYNC) - 1
    assert any("mine.py, line" in line and "ValueError" in line for line in told)
    assert "48394" not in house.output()
    os.kill(pool.pid, signal.SIGTERM)
    assert pool.wait(30) == 0
    assert not psutil.pid_exists(worker)


def test_a_module_of_handlers_that_forks_makes_no_second_worker(house: House) -> None:
    house.handlers("if __name__ == 'handlers.mine': child = os.fork()\n")
    pool = house.start("worker")

    eventually(lambda: "came back" in house.output(), "it is told", shown=house.output)
    eventually(lambda: "worker ready" in house.output(), "the worker goes on", shown=house.output)
    assert house.output().count("worker ready") == 1
    [worker, *forked] = descendants(pool.pid)
    assert all(psutil.Process(one).status() == psutil.STATUS_ZOMBIE for one in forked), worker
