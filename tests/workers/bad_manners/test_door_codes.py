"""Door codes that handlers write in every way they can: none leaves a worker's process."""

from datetime import timedelta
from pathlib import Path

import pytest

from bellhop.connections import connect
from bellhop.events import parse
from bellhop.ledger import Arrival, Ledger
from bellhop.testing import signed_request
from tests.conftest import SECRET
from tests.system.conftest import House, eventually

CODE = "048394"
FORMS = ("048394", "48394", "0 4 8 3 9 4", "MDQ4Mzk0", "303438333934", "0, 4, 8, 3, 9, 4")

HANDLERS = """
import base64, concurrent.futures, logging, logging.config, sys, threading, warnings
import structlog
{configuration}

early = logging.StreamHandler()
logging.getLogger("early").addHandler(early)


class Leaky:
    def __init__(self, code): self.code = code
    def __del__(self): raise ValueError(f"unraisable {{self.code}}")


class Unprintable(Exception):
    def __str__(self): raise ValueError(code_of_all)


@on("access_code.set_on_device", attempts=1)
def taken_away(event):
    global code_of_all
    code_of_all = code = event.code
    event.code = None
    raise ConnectionError(f"{{code}} {{int(code)}} {{' '.join(code)}} {{code.encode().hex()}}")


@on("access_code.set_on_device", attempts=1)
def unprintable(event):
    raise Unprintable


@on("access_code.set_on_device")
def prints(event, context):
    code = code_of_all
    print("print", code, int(code), *code)
    print("print", [int(digit) for digit in code], base64.b64encode(code.encode()).decode())
    sys.stderr.write(f"stderr {{code}}\\n")
    sys.stdout.buffer.write(f"bytes {{code}}\\n".encode())
    sys.__stdout__.write(f"original {{code}}\\n")
    logging.getLogger("mine").warning("logging %s %r", code, {{"pin": int(code)}})
    logging.getLogger("early").warning("early %s", code)
    logging.lastResort.handle(logging.makeLogRecord({{"msg": f"last resort {{code}}"}}))
    structlog.get_logger().warning("structlog", what=code, number=int(code))
    structlog.PrintLogger().msg(f"print logger {{code}}")
    structlog.BytesLogger().msg(f"bytes logger {{code}}".encode())
    context.log.warning("context", what=int(code), code=404, **{{code: "its name"}})
    warnings.warn(f"warning {{code}}")
    thread = threading.Thread(target=lambda: {{}}[code])
    thread.start()
    thread.join()
    Leaky(code)
    try:
        raise ValueError(code)
    except ValueError:
        logging.exception("exception %s", code)
        sys.excepthook(*sys.exc_info())


@on("access_code.set_on_device")
async def tasks(event):
    code = code_of_all

    async def fails(): raise ValueError(f"task {{code}}")
    task = asyncio.create_task(fails())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    del task
    loop = asyncio.get_running_loop()
    loop.call_soon(lambda: {{}}[f"callback {{code}}"])
    loop.call_later(0.2, lambda: {{}}[f"late {{code}}"])
    loop.call_exception_handler({{"message": f"asyncio {{code}}"}})
    loop.call_later(0.3, ran, "over")
"""

JSON_LINES = """
structlog.configure(processors=[structlog.processors.JSONRenderer()])
logging.basicConfig(format="%(message)s", stream=sys.stdout, force=True)
"""
BROKEN = """
structlog.configure(processors=[structlog.stdlib.filter_by_level])
logging.config.dictConfig({"version": 1, "disable_existing_loggers": True, "handlers": {
    "c": {"class": "logging.StreamHandler"}}, "root": {"level": "DEBUG", "handlers": ["c"]}})
"""


@pytest.mark.parametrize("configuration", ["", JSON_LINES, BROKEN], ids=["ours", "json", "broken"])
def test_no_form_of_a_code_leaves_a_worker_whoever_writes_it(
    tmp_path: Path, redis_url: str, configuration: str
) -> None:
    house = House(tmp_path, redis_url)
    house.handlers(HANDLERS.format(configuration=configuration))
    body = signed_request("access_code.set_on_device", secret=SECRET, code=CODE).body
    event = parse(body).event
    with connect(redis_url) as redis:
        ledger = Ledger(redis, timedelta(days=14))
        ledger.accept([Arrival("m1", event.event_id, event.event_type, event.mailbox, body)])
        try:
            house.start("worker")
            if configuration == BROKEN:  # the user's own line fails; ours are there
                told = ["handler gave up", "handler failed", "bytes"]
                eventually(lambda: all(one in house.output() for one in told), "the handlers ran")
            else:
                house.await_lines(1)
            output = house.output()
        finally:
            house.end()
        record = {name: value.decode() for name, value in ledger.event(event.event_id).items()}
    del record["body"]
    leaks = [line for line in output.splitlines() if any(form in line for form in FORMS)]
    assert leaks == []
    assert not any(form in str(record) for form in FORMS)
    assert event.event_id in output
    assert "died" not in output
    if not configuration:
        for word in (
            *("print", "stderr", "bytes", "original", "logging", "early", "last resort"),
            *("structlog", "print logger", "bytes logger", "warning", "unraisable", "exception"),
            *("task", "callback", "late", "asyncio", "KeyError", "404", "its name"),
        ):
            assert word in output
        assert "bytes ••••" in output
