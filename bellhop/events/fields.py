"""The vocabulary in which the models say what Seam promises of a field.

    device_id: str                            the event is about it; without it there is no event
    created_at: Promised[Time] = None         Seam's schema requires it; real events may lack it
    customer_key: str | None = None           optional in Seam's schema
    device_name: Nullable[str] = None         may also be sent as null
    battery_status: Promised[OneOf[Literal["full", "low"]]] = None
                                              these values are known; others are kept

What goes beyond the types (a promise not kept, an unknown value, an unexpected null) is drift.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, TypeAlias, TypeVar

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from bellhop.events.instants import read_instant

T = TypeVar("T")

UNREADABLE_TIME: Final = "unreadable_time"
"""The type of pydantic's error for what is no time."""


@dataclass(frozen=True, slots=True)
class PromisedMark:
    """Marks a field that Seam's schema requires."""


@dataclass(frozen=True, slots=True)
class NullableMark:
    """Marks a field that Seam's schema allows to be null."""


@dataclass(frozen=True, slots=True)
class OpenEnum:
    """Validate as any string: Seam adds and renames values without notice."""

    def __get_pydantic_core_schema__(self, _: Any, __: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.str_schema()


@dataclass(frozen=True, slots=True)
class IsoTime:
    """Read ISO 8601 with an offset, and what `read_instant` knows besides.

    The pattern is there because pydantic also reads "1614265330" and "2026-01-31" as times. Digits
    of a second beyond the sixth are cut off. Whatever else is sent is an `UNREADABLE_TIME`.
    """

    def __get_pydantic_core_schema__(self, _: Any, __: GetCoreSchemaHandler) -> CoreSchema:
        dated = core_schema.str_schema(pattern=r"^\d{4}-\d\d-\d\d[Tt ]")
        aware = core_schema.datetime_schema(tz_constraint="aware", strict=False)
        text = core_schema.str_schema(max_length=100)
        near = core_schema.no_info_plain_validator_function(read_instant)
        return core_schema.json_or_python_schema(
            core_schema.union_schema(
                [
                    core_schema.chain_schema([dated, aware]),
                    core_schema.chain_schema([text, near]),
                ],
                mode="left_to_right",
                custom_error_type=UNREADABLE_TIME,
                custom_error_message="a time with its offset",
            ),
            core_schema.datetime_schema(tz_constraint="aware", strict=True),
        )


Promised: TypeAlias = Annotated[T | None, PromisedMark()]
Nullable: TypeAlias = Annotated[T | None, NullableMark()]
OneOf: TypeAlias = Annotated[T | str, OpenEnum()]
Time: TypeAlias = Annotated[datetime, IsoTime()]

Metadata: TypeAlias = dict[str, Any]
"""What a customer keeps on a device or an account; Seam allows strings and booleans."""
