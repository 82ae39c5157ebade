"""What the callers are sent: Seam's two shapes, and one table from reasons to status codes."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from bellhop_receiver.answers import Answer, Header
from bellhop_receiver.api.refusal import Reason, Refusal

STATUS: Final[Mapping[Reason, HTTPStatus]] = {
    "invalid_input": HTTPStatus.BAD_REQUEST,
    "invalid_content_type": HTTPStatus.BAD_REQUEST,
    "unauthorized": HTTPStatus.UNAUTHORIZED,
    "event_not_found": HTTPStatus.NOT_FOUND,
    "action_attempt_not_found": HTTPStatus.NOT_FOUND,
    "method_not_allowed": HTTPStatus.METHOD_NOT_ALLOWED,
    "request_timeout": HTTPStatus.REQUEST_TIMEOUT,
    "payload_too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "internal_server_error": HTTPStatus.INTERNAL_SERVER_ERROR,
    "service_unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
}

_CLOSE: Final = (b"connection", b"close")
_HEADERS: Final[Mapping[Reason, Sequence[Header]]] = {
    "unauthorized": [(b"www-authenticate", b"Bearer")],
    "method_not_allowed": [(b"allow", b"GET, POST")],
    "request_timeout": [_CLOSE],
    "payload_too_large": [_CLOSE],
    "service_unavailable": [(b"retry-after", b"5")],
}


def found(body: bytes, request_id: str) -> Answer:
    """Return what was asked for."""
    return _answer(HTTPStatus.OK, body, request_id)


def refused(refusal: Refusal, request_id: str) -> Answer:
    """Return why it is not."""
    error: dict[str, Any] = {
        "type": refusal.reason,
        "message": refusal.message,
        "request_id": request_id,
    }
    if refusal.problems is not None:
        by_name = {
            name: {"_errors": list(problems)} for name, problems in refusal.problems.items() if name
        }
        error["validation_errors"] = {"_errors": list(refusal.problems.get("", ())), **by_name}
    body = json.dumps({"error": error, "ok": False}).encode()
    return _answer(STATUS[refusal.reason], body, request_id, _HEADERS.get(refusal.reason, ()))


def _answer(
    status: HTTPStatus, body: bytes, request_id: str, headers: Sequence[Header] = ()
) -> Answer:
    return Answer(
        {
            "type": "http.response.start",
            "status": int(status),
            "headers": [
                (b"content-type", b"application/json"),
                (b"content-length", str(len(body)).encode()),
                (b"seam-request-id", request_id.encode()),
                (b"cache-control", b"no-store"),  # there may be door codes in it
                *headers,
            ],
        },
        {"type": "http.response.body", "body": body},
    )
