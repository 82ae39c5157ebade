"""The recipe of the README: what went wrong is said in a chat."""

import json
import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

import bellhop
from bellhop import SeamEvent
from bellhop.ledger import Quarantined
from tests.workers.conftest import Workplace

README = Path(__file__).parents[2] / "README.md"


def recipe() -> str:
    """Return the block of the README that uses hooks."""
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    [found] = [block for block in blocks if "@on_dead" in block]
    return str(found)


@pytest.fixture
def said() -> Iterator[tuple[str, list[Any]]]:
    """The URL of a chat's webhook, and what was posted there."""
    posted: list[Any] = []

    class Chat(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Chat) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/hook", posted
        server.shutdown()
        thread.join()


def test_it_sends_dead_letters_and_what_is_in_quarantine_to_a_chat(
    workplace: Workplace, said: tuple[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, posted = said
    monkeypatch.setenv("CHAT_WEBHOOK_URL", url)
    monkeypatch.setattr(bellhop, "on_dead", workplace.registry.on_dead)
    monkeypatch.setattr(bellhop, "on_quarantined", workplace.registry.on_quarantined)
    exec(recipe(), {"__name__": "handlers.chat"})

    @workplace.on("*", attempts=1, name="tell")
    def tell(event: SeamEvent) -> None:
        raise ConnectionError("the front desk is closed")

    workplace.runtime.subscribe()
    workplace.deliver()
    workplace.ledger.accept([Quarantined("msg_x", b"{}", ("event_id: is missing", "no type"))])
    workplace.work()
    workplace.work()
    assert sorted(one["text"] for one in posted) == [
        "msg_x is no event: event_id: is missing; no type",
        "tell gave up lock.unlocked e1: ConnectionError: the front desk is closed",
    ]


def test_it_takes_ten_lines_besides_what_it_imports() -> None:
    lines = [line for line in recipe().splitlines() if line]
    assert len([one for one in lines if not one.startswith(("import ", "from "))]) <= 10
