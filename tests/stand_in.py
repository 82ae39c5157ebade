"""A stand-in for Seam's API: says of action attempts what a test tells it to."""

import json
import threading
import time
from collections import Counter, defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

API_KEY = "seam_apikey1_token"


class StandIn:
    """An HTTP server that answers `/action_attempts/get`.

    `attempts`: what there is, by id. `failures`: statuses with which the next requests are refused,
    after which all is well. `asked`: how often each was asked for; `times`: when, in seconds.
    """

    def __init__(self) -> None:
        self.attempts: dict[str, dict[str, Any]] = {}
        self.failures: list[int] = []
        self.asked: Counter[str] = Counter()
        self.times: defaultdict[str, list[float]] = defaultdict(list)
        self.delay = threading.Event()
        self.slow = 0.0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def add(self, action_attempt_id: str, status: str = "success", **fields: Any) -> dict[str, Any]:
        """Have it know an attempt, and return what it says of it."""
        said = {
            "action_attempt_id": action_attempt_id,
            "action_type": "UNLOCK_DOOR",
            "status": status,
            "result": {"was_confirmed_by_device": True} if status == "success" else None,
            "error": {"type": "device_offline", "message": "It is away."}
            if status == "error"
            else None,
            **fields,
        }
        self.attempts[action_attempt_id] = said
        return said

    @property
    def environment(self) -> dict[str, str]:
        """What makes Bellhop, and the SDK, ask here."""
        return {"SEAM_API_KEY": API_KEY, "SEAM_ENDPOINT": self.url}

    def end(self) -> None:
        """Close it."""
        self.delay.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _answer(self, path: str, key: str | None) -> tuple[int, Any]:
        asked = parse_qs(urlsplit(path).query).get("action_attempt_id", [""])[0]
        self.asked[asked] += 1
        self.times[asked].append(time.monotonic())
        if self.slow:
            self.delay.wait(self.slow)
        if key != f"Bearer {API_KEY}":
            return 401, {"error": {"type": "unauthorized", "message": "Unauthorized"}, "ok": False}
        if self.failures:
            return self.failures.pop(0), "not today"
        if asked not in self.attempts:
            said = {"type": "action_attempt_not_found", "message": "Could not find it."}
            return 404, {"error": said, "ok": False}
        return 200, {"action_attempt": self.attempts[asked], "ok": True}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        answer = self._answer

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                status, said = answer(self.path, self.headers.get("authorization"))
                body = json.dumps(said).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        return Handler
