"""From a request to its parameters: a query string as Seam's SDKs write it, or a JSON body.

SDKs repeat the name of a list, `event_types=a&event_types=b`, older ones with brackets behind it,
and write an empty list, or null, as a name without a value. They add `_strict=true`, as which every
request is read.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from bellhop_receiver.api.parameters import Parameters
from bellhop_receiver.api.refusal import Refusal

P = TypeVar("P", bound=Parameters)

_STRICT = "_strict"
_BRACKETS = re.compile(r"\[\d*\]$")
_WHOLE = re.compile(r"(-?\d{1,15})(?:\.0+)?")
_JSON = re.compile(r"application/json\s*(;.*)?", re.IGNORECASE)
_MOST_TOLD = 10
_LONGEST_NAME = 60

_WORDS: Mapping[str, str] = {
    "extra_forbidden": "Unrecognized parameter",
    "missing": "Required",
}


def read_query(cls: type[P], query: bytes) -> P:
    """Read the parameters of a GET. Raises `Refusal`."""
    sent: dict[str, Any] = {}
    for name, values in _grouped(query).items():
        kind = _kinds(cls).get(name)
        if kind == "array":
            sent[name] = [] if values == [""] else values
        elif len(values) > 1:
            raise _invalid([(name, "Must be given once")])
        elif kind == "integer" and (whole := _WHOLE.fullmatch(values[0])):
            sent[name] = int(whole[1])
        else:
            sent[name] = None if kind == "nullable" and values == [""] else values[0]
    try:
        return cls.model_validate(sent)
    except ValidationError as error:
        raise _explained(error) from None


def read_body(cls: type[P], query: bytes, content_type: str, body: bytes) -> P:
    """Read the parameters of a POST. Raises `Refusal`."""
    if body and not _JSON.fullmatch(content_type):
        raise Refusal(
            "invalid_content_type",
            'POST requests must have Content-Type header with "application/json"',
        )
    if beside := _grouped(query):
        raise _invalid((name, "Must be in the body of a POST") for name in beside)
    try:
        return cls.model_validate_json(body or b"{}")
    except ValidationError as error:
        raise _explained(error) from None


def _grouped(query: bytes) -> dict[str, list[str]]:
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict")
    except UnicodeDecodeError:
        raise Refusal("invalid_input", "The query is not UTF-8") from None
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(_BRACKETS.sub("", name), []).append(value)
    if not set(values.pop(_STRICT, ["true"])) <= {"true", "false"}:
        raise _invalid([(_STRICT, "Must be true or false")])
    return values


@cache
def _kinds(cls: type[Parameters]) -> dict[str, str]:
    properties = cls.model_json_schema()["properties"]
    return {name: schema.get("type", "nullable") for name, schema in properties.items()}


def _explained(error: ValidationError) -> Refusal:
    details = error.errors(include_url=False, include_context=False, include_input=False)
    return _invalid(
        (_name(detail), _WORDS.get(detail["type"], detail["msg"])) for detail in details
    )


def _name(detail: ErrorDetails) -> str:
    return str(detail["loc"][0]) if detail["loc"] else ""


def _invalid(found: Iterable[tuple[str, str]]) -> Refusal:
    problems: dict[str, list[str]] = {}
    for name, problem in list(found)[:_MOST_TOLD]:
        problems.setdefault(name[:_LONGEST_NAME], []).append(problem)
    message = "; ".join(
        f'{problem} for "{name}"' if name else problem
        for name, told in problems.items()
        for problem in dict.fromkeys(told)
    )
    return Refusal("invalid_input", message, problems)
