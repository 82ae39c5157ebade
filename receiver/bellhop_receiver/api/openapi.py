"""The description of the API, made of the models that read the parameters and describe answers."""

import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any, Final, Literal

from pydantic import BaseModel, Field, ValidationError
from pydantic.json_schema import models_json_schema
from starlette.requests import Request
from starlette.responses import Response

from bellhop.attempts import ActionAttempt
from bellhop.events import SeamEvent
from bellhop_receiver.api.answers import STATUS
from bellhop_receiver.api.calls import (
    ACTION_ATTEMPTS_GET,
    ACTION_ATTEMPTS_LIST,
    EVENTS_GET,
    EVENTS_LIST,
)
from bellhop_receiver.api.parameters import (
    ActionAttemptsGet,
    ActionAttemptsList,
    EventsGet,
    EventsList,
    Parameters,
)
from bellhop_receiver.api.refusal import Reason

PATH: Final = "/openapi.json"

_Json = dict[str, Any]


class Pagination(BaseModel):
    """Whether there is more, and how to ask for it."""

    next_page_cursor: str | None
    has_next_page: bool
    next_page_url: str | None = Field(description="From the root of this server.")


class EventsPage(BaseModel):
    """Events as they came, the newest first."""

    events: list[SeamEvent]
    pagination: Pagination
    ok: Literal[True]


class OneEvent(BaseModel):
    """An event as it came."""

    event: SeamEvent
    ok: Literal[True]


class ActionAttemptsPage(BaseModel):
    """Action attempts, the one heard of last first."""

    action_attempts: list[ActionAttempt]
    pagination: Pagination
    ok: Literal[True]


class OneActionAttempt(BaseModel):
    """An action attempt."""

    action_attempt: ActionAttempt
    ok: Literal[True]


class Error(BaseModel):
    """What went wrong."""

    type: str
    message: str
    request_id: str
    validation_errors: dict[str, Any] | None = Field(
        None, description="What is wrong with each parameter, under `_errors`."
    )


class Refused(BaseModel):
    """Why a call is not answered."""

    error: Error
    ok: Literal[False]


_CALLS: Final[Mapping[str, tuple[str, type[Parameters], type[BaseModel], Sequence[Reason]]]] = {
    EVENTS_LIST: ("List events", EventsList, EventsPage, ()),
    EVENTS_GET: ("Get an event", EventsGet, OneEvent, ("event_not_found",)),
    ACTION_ATTEMPTS_LIST: ("List action attempts", ActionAttemptsList, ActionAttemptsPage, ()),
    ACTION_ATTEMPTS_GET: (
        "Get an action attempt",
        ActionAttemptsGet,
        OneActionAttempt,
        ("action_attempt_not_found",),
    ),
}

_ALWAYS: Final[Sequence[Reason]] = (
    "invalid_input",
    "unauthorized",
    "internal_server_error",
    "service_unavailable",
)
_OF_BODIES: Final[Sequence[Reason]] = ("request_timeout", "payload_too_large")

_REQUEST_ID: Final = {
    "seam-request-id": {"required": True, "schema": {"type": "string", "format": "uuid"}}
}


def describe() -> _Json:
    """Return the OpenAPI document."""
    models: list[type[BaseModel]] = [Refused]
    for _, asked, answer, _ in _CALLS.values():
        models += [asked, answer]
    _, schemas = models_json_schema(
        [(model, "validation") for model in models],
        ref_template="#/components/schemas/{model}",
    )
    defined = _without_null_defaults(schemas["$defs"])
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Bellhop",
            "summary": "What is on record, asked for as Seam's API is asked.",
            "version": version("seam-bellhop"),
        },
        "security": [{"api_key": []}],
        "paths": {path: _path(path, defined) for path in _CALLS},
        "components": {
            "securitySchemes": {"api_key": {"type": "http", "scheme": "bearer"}},
            "schemas": defined,
        },
    }


def document() -> Any:
    """Return the endpoint that serves it. It is made when it is asked for first."""
    made: list[bytes] = []

    async def serve(_request: Request) -> Response:
        if not made:
            made.append(json.dumps(describe(), ensure_ascii=False).encode())
        return Response(made[0], media_type="application/json")

    return serve


def _path(path: str, defined: _Json) -> _Json:
    summary, asked, answer, reasons = _CALLS[path]
    about = {"summary": summary, "description": asked.__doc__}
    name = path.strip("/").replace("/", "_")
    return {
        "get": {
            **about,
            "operationId": f"get_{name}",
            "parameters": list(_query(defined[asked.__name__])),
            "responses": _responses(answer, (*_ALWAYS, *reasons)),
        },
        "post": {
            **about,
            "operationId": f"post_{name}",
            "requestBody": {"required": not _may_be_empty(asked), "content": _json(asked)},
            "responses": _responses(answer, (*_ALWAYS, *_OF_BODIES, *reasons)),
        },
    }


def _may_be_empty(asked: type[Parameters]) -> bool:
    try:
        asked()
    except ValidationError:
        return False
    return True


def _query(schema: _Json) -> list[_Json]:
    required = schema.get("required", ())
    asked = [
        {"name": name, "in": "query", "required": name in required, "schema": _never_null(one)}
        for name, one in schema["properties"].items()
    ]
    strict = {"type": "boolean", "description": "Sent by SDKs. All requests are read strictly."}
    return [*asked, {"name": "_strict", "in": "query", "required": False, "schema": strict}]


def _never_null(schema: _Json) -> _Json:
    """Return the schema of a parameter in a query, where null is written as nothing at all."""
    if "anyOf" not in schema:
        return schema
    [other] = [one for one in schema["anyOf"] if one.get("type") != "null"]
    return {
        **{key: value for key, value in schema.items() if key != "anyOf"},
        **other,
        "minLength": 0,
    }


def _responses(answer: type[BaseModel], reasons: Sequence[Reason]) -> _Json:
    by_status: dict[int, list[str]] = {}
    for reason in reasons:
        by_status.setdefault(int(STATUS[reason]), []).append(reason)
    refusals = {
        str(status): _response(", ".join(told), Refused)
        for status, told in sorted(by_status.items())
    }
    return {"200": _response("Found.", answer), **refusals}


def _response(description: str, model: type[BaseModel]) -> _Json:
    return {"description": description, "headers": _REQUEST_ID, "content": _json(model)}


def _json(model: type[BaseModel]) -> _Json:
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"application/json": {"schema": schema}}


def _without_null_defaults(value: Any) -> Any:
    """Return a schema without what only says that something may be left out."""
    if isinstance(value, dict):
        return {
            name: _without_null_defaults(inner)
            for name, inner in value.items()
            if not (name == "default" and inner is None)
        }
    return [_without_null_defaults(one) for one in value] if isinstance(value, list) else value
