"""What each call may be asked, with Seam's names and defaults.

An unknown parameter is refused, as Seam does when its SDKs ask it to be strict: a filter that is
misspelt would otherwise find everything. A parameter that is null is refused, too, but a cursor.
"""

import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any, Self, TypeAlias, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError

T = TypeVar("T")

MOST = 1_000
"""Events or action attempts on a page."""

MOST_VALUES = 500
"""Values of one parameter."""

MOST_SKIPPED = 10_000

_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d.*")


class _NotNull:
    """May be left out, but not be null."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        schema: Any = handler(source)
        inner: CoreSchema = schema["schema"]
        return inner


def _read_time(value: object) -> datetime:
    """Read ISO 8601. Without an offset it is UTC, as in Seam's SDKs; of a date, its beginning."""
    if isinstance(value, str) and (_TIME.fullmatch(value) or _DATE.fullmatch(value)):
        with suppress(ValueError):
            time = datetime.fromisoformat(value)
            return time if time.tzinfo else time.replace(tzinfo=UTC)
    raise PydanticCustomError("time", "Must be a time such as 2026-01-31T12:00:00Z, or a date")


def _number(value: object) -> object:
    if isinstance(value, str | bool):
        raise PydanticCustomError("number", "Must be a number")
    return value


Given: TypeAlias = Annotated[T | None, _NotNull()]
Text: TypeAlias = Annotated[str, Field(strict=True, min_length=1, max_length=200)]
Type: TypeAlias = Annotated[Text, Field(pattern=r"^[^*]+$")]
Texts: TypeAlias = Annotated[list[Text], Field(max_length=MOST_VALUES)]
Types: TypeAlias = Annotated[list[Type], Field(max_length=MOST_VALUES)]
Time: TypeAlias = Annotated[datetime, BeforeValidator(_read_time)]
Times: TypeAlias = Annotated[list[Time], Field(min_length=2, max_length=2)]
Limit: TypeAlias = Annotated[
    int, Field(ge=1, le=MOST), BeforeValidator(_number), Field(description="How many at most.")
]
Offset: TypeAlias = Annotated[
    int,
    Field(ge=0, le=MOST_SKIPPED),
    BeforeValidator(_number),
    Field(description="How many to skip; `page_cursor` is better."),
]
Cursor: TypeAlias = Annotated[
    Text | None, Field(description="`next_page_cursor` of the page before.")
]


class Parameters(BaseModel):
    """What a call may be asked."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    def given(self) -> dict[str, Any]:
        """Return what was asked, as it would be asked in JSON."""
        return self.model_dump(mode="json", include=self.model_fields_set)


class EventsList(Parameters):
    """Which events: those of which all is true that is given. Either `since` or `between`."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [{"required": ["since"]}, {"required": ["between"]}],
            "not": {
                "required": ["page_cursor", "unstable_offset"],
                "properties": {"page_cursor": {"type": "string"}},
            },
        }
    )

    since: Annotated[Given[Time], Field(description="Created after this time.")] = None
    between: Annotated[
        Given[Times], Field(description="Created after the first time and before the second.")
    ] = None
    event_type: Given[Type] = None
    event_types: Given[Types] = None
    event_ids: Given[Texts] = None
    device_id: Given[Text] = None
    device_ids: Given[Texts] = None
    access_code_id: Given[Text] = None
    access_code_ids: Given[Texts] = None
    access_grant_id: Given[Text] = None
    access_grant_ids: Given[Texts] = None
    access_method_id: Given[Text] = None
    access_method_ids: Given[Texts] = None
    acs_access_group_id: Given[Text] = None
    acs_credential_id: Given[Text] = None
    acs_encoder_id: Given[Text] = None
    acs_entrance_id: Given[Text] = None
    acs_system_id: Given[Text] = None
    acs_system_ids: Given[Texts] = None
    acs_user_id: Given[Text] = None
    connect_webview_id: Given[Text] = None
    connected_account_id: Given[Text] = None
    customer_key: Given[Text] = None
    space_id: Given[Text] = None
    space_ids: Given[Texts] = None
    user_identity_id: Given[Text] = None
    limit: Limit = 500
    unstable_offset: Offset = 0
    page_cursor: Cursor = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.since is None) == (self.between is None):
            which = "either since or between" + (", not both" if self.since else "")
            raise PydanticCustomError("time_range", "Must specify {which}", {"which": which})
        if self.page_cursor is not None and "unstable_offset" in self.model_fields_set:
            raise PydanticCustomError(
                "place", "Must specify either page_cursor or unstable_offset, not both"
            )
        return self

    def types(self) -> Sequence[str] | None:
        """Return the types of which any will do, or None for all."""
        return _any_of(self.event_type, self.event_types)

    def about(self) -> dict[str, Sequence[str]]:
        """Return for each field, in the singular, the values of which any will do."""
        about = {}
        for name in type(self).model_fields:
            if not name.endswith("_id") and name != "customer_key":
                continue
            values = _any_of(getattr(self, name), getattr(self, f"{name}s", None))
            if values is not None:
                about[name] = values
        return about


class EventsGet(Parameters):
    """Which event: the newest of which all is true that is given, something at least."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [{"required": [name]} for name in ("event_id", "event_type", "device_id")]
        }
    )

    event_id: Given[Text] = None
    event_type: Given[Type] = None
    device_id: Given[Text] = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.event_id is None and self.event_type is None and self.device_id is None:
            raise PydanticCustomError(
                "argument", "An argument for event_id, event_type, or device_id is required"
            )
        return self


class ActionAttemptsGet(Parameters):
    """Which action attempt."""

    action_attempt_id: Text


class ActionAttemptsList(Parameters):
    """Which action attempts: those of which all is true that is given, or all."""

    action_attempt_ids: Given[Texts] = None
    device_id: Given[Text] = None
    limit: Limit = 500
    page_cursor: Cursor = None


def _any_of(one: str | None, several: Sequence[str] | None) -> Sequence[str] | None:
    if one is None:
        return several
    return [one] if several is None or one in several else []
