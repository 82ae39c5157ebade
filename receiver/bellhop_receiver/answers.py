"""One table from what became of a delivery to what its sender is told.

The sender keeps response bodies, so errors say no more than it knows (RFC 9457).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from http import HTTPStatus
from typing import Any

Header = tuple[bytes, bytes]

_CLOSE = (b"connection", b"close")

AT_ONCE = "bellhop.answer"
"""The extension of ASGI by which our door takes an `Answer` and sends it in one piece."""


class Verdict(Enum):
    """What became of a request to the webhook endpoint."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    QUARANTINED = "quarantined"
    NOTED = "noted"
    NOT_AN_EVENT = "not an event"
    BAD_SIGNATURE = "bad signature"
    TOO_LARGE = "too large"
    TOO_SLOW = "too slow"
    ENCODED = "encoded"
    METHOD = "method"
    UNAVAILABLE = "unavailable"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """A response that is the same every time, as the two messages of ASGI."""

    start: dict[str, Any]
    body: dict[str, Any]

    async def __call__(self, send: Any) -> None:
        """Send it."""
        await send(self.start)
        await send(self.body)

    @property
    def closes(self) -> bool:
        """Whether the connection ends with it."""
        return _CLOSE in self.start["headers"]

    def raw(self, more: Sequence[Header] = ()) -> bytes:
        """Return it as HTTP/1.1, with `more` headers, for who sends it without ASGI."""
        return _raw(self, tuple(more))


@lru_cache(maxsize=64)  # one of the headers is the time, in seconds
def _raw(answer: Answer, more: Sequence[Header]) -> bytes:
    status = HTTPStatus(answer.start["status"])
    headers = b"".join(b"%s: %s\r\n" % header for header in (*more, *answer.start["headers"]))
    line = f"HTTP/1.1 {int(status)} {status.phrase}\r\n".encode()
    return line + headers + b"\r\n" + bytes(answer.body["body"])


def _answer(
    status: HTTPStatus, content: dict[str, Any], media_type: bytes, headers: Sequence[Header] = ()
) -> Answer:
    body = json.dumps(content).encode()
    return Answer(
        {
            "type": "http.response.start",
            "status": int(status),
            "headers": [
                (b"content-type", media_type),
                (b"content-length", str(len(body)).encode()),
                *headers,
            ],
        },
        {"type": "http.response.body", "body": body},
    )


def _fine(status: HTTPStatus, verdict: Verdict) -> Answer:
    return _answer(status, {"outcome": verdict.value}, b"application/json")


def problem(status: HTTPStatus, detail: str, *headers: Header) -> Answer:
    """Return an error as `application/problem+json`."""
    content = {"title": status.phrase, "status": int(status), "detail": detail}
    return _answer(status, content, b"application/problem+json", headers)


ANSWERS = {
    Verdict.ACCEPTED: _fine(HTTPStatus.ACCEPTED, Verdict.ACCEPTED),
    Verdict.DUPLICATE: _fine(HTTPStatus.OK, Verdict.DUPLICATE),
    Verdict.QUARANTINED: _fine(HTTPStatus.ACCEPTED, Verdict.QUARANTINED),
    Verdict.NOTED: _fine(HTTPStatus.ACCEPTED, Verdict.NOTED),
    Verdict.NOT_AN_EVENT: problem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "The body is not a Seam event.",
        # Svix stops its retries of this message; another attempt would bring the same body.
        (b"webhook-delivery", b"abort-message"),
    ),
    Verdict.BAD_SIGNATURE: problem(HTTPStatus.BAD_REQUEST, "The signature could not be verified."),
    Verdict.TOO_LARGE: problem(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is larger than this endpoint takes.", _CLOSE
    ),
    Verdict.TOO_SLOW: problem(
        HTTPStatus.REQUEST_TIMEOUT, "The request did not arrive in time.", _CLOSE
    ),
    Verdict.ENCODED: problem(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        "Compressed bodies are not taken: send it without a Content-Encoding.",
        (b"accept-encoding", b"identity"),  # RFC 9110, 15.5.16
    ),
    Verdict.METHOD: problem(
        HTTPStatus.METHOD_NOT_ALLOWED, "Webhooks are sent with POST.", (b"allow", b"POST")
    ),
    Verdict.UNAVAILABLE: problem(
        HTTPStatus.SERVICE_UNAVAILABLE, "The event could not be stored.", (b"retry-after", b"5")
    ),
    Verdict.FAILED: problem(HTTPStatus.INTERNAL_SERVER_ERROR, "Something went wrong here."),
}

ONLY_GET = problem(
    HTTPStatus.METHOD_NOT_ALLOWED, "This is asked with GET.", (b"allow", b"GET, HEAD")
)


def not_found(webhook_path: str) -> Answer:
    """Return the answer to requests for any other path."""
    return problem(HTTPStatus.NOT_FOUND, f"Nothing is here. Webhooks go to {webhook_path}.")


NO_HTTP = problem(HTTPStatus.BAD_REQUEST, "This is not a request that can be understood.", _CLOSE)

HEAD_TOO_LARGE = problem(
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    "The headers are larger than this server takes.",
    _CLOSE,
)
