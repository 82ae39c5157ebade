"""What every event has, and the parts that several resources share."""

from collections.abc import Collection, Iterator
from typing import Annotated, Any, Final, Literal, get_origin

from pydantic import BaseModel, ConfigDict, Field

from bellhop.events.fields import Metadata, Promised, Time
from bellhop.events.masking import (
    DOTS,
    hide,
    is_secret,
    masked,
    may_hold_secrets,
    printable,
    secret_names,
    secrets_in,
)

MAILBOXES: Final = ("device", "acs_system", "connected_account", "workspace")

EventId = Annotated[str, Field(pattern=r"^[^\s\p{Cc}]{1,200}$")]
"""Is written beside a handler's name in one ledger entry, so it cannot hold white space."""


class SeamModel(BaseModel):
    """An object in an event: strict about types, open to new fields, silent about secrets."""

    model_config = ConfigDict(
        strict=True,
        extra="allow",
        allow_inf_nan=False,
        defer_build=True,
        hide_input_in_errors=True,
        populate_by_name=True,
        protected_namespaces=(),
    )

    def __repr_args__(self) -> Iterator[tuple[str, Any]]:
        fields = {**self.__dict__, **(self.__pydantic_extra__ or {})}
        hidden = secret_names(fields)
        for name, value in fields.items():
            if name in hidden and is_secret(value):
                yield printable(name), DOTS
            elif isinstance(value, str | dict | list) and not _holds_models(value):
                yield printable(name), masked(value, secret=name in hidden)
            elif value is not None:
                yield printable(name), value


def _holds_models(value: object) -> bool:
    return isinstance(value, list) and any(isinstance(inner, SeamModel) for inner in value)


def _without(secrets: Collection[str], value: Any) -> Any:
    """Return a part of an event in which no secret is repeated; a model stays one."""
    if not secrets:
        return value
    if isinstance(value, SeamModel):
        copy = value.model_copy()
        for name, inner in value.__dict__.items():
            copy.__dict__[name] = _without(secrets, inner)
        extra = (value.__pydantic_extra__ or {}).items()
        copy.__pydantic_extra__ = {hide(n, secrets): _without(secrets, inner) for n, inner in extra}
        return copy
    if _holds_models(value):
        return [_without(secrets, inner) for inner in value]
    is_shown_in_full = isinstance(value, str | int | float | dict | list)
    return masked(value, secrets=secrets) if is_shown_in_full else value


class SeamEvent(SeamModel):
    """Something happened. The base of every event, and the class of those we know nothing of."""

    event_id: EventId
    event_type: Annotated[str, Field(min_length=1, max_length=200)]
    created_at: Promised[Time] = None
    occurred_at: Promised[Time] = None
    workspace_id: Promised[str] = None
    event_description: str | None = None

    @property
    def raw(self) -> bytes:
        """The JSON as it was received, byte for byte (of an event made by hand: its JSON)."""
        return self._received or self.model_dump_json(by_alias=True, exclude_unset=True).encode()

    @property
    def _received(self) -> bytes:
        kept: bytes = (self.__pydantic_private__ or {}).get("raw", b"")
        return kept

    def _keep(self, body: bytes) -> None:
        # Where pydantic has its private attributes. To declare one costs a third of all parsing.
        object.__setattr__(self, "__pydantic_private__", {"raw": body})

    @property
    def mailbox(self) -> str:
        """The key under which order is kept: of the device, or else of what stands above it."""
        extra = self.__pydantic_extra__ or {}
        for owner in MAILBOXES:
            name = f"{owner}_id"
            owner_id = self.__dict__.get(name) or extra.get(name)
            if owner_id and isinstance(owner_id, str):
                return f"{owner}:{owner_id}"
        return f"event:{self.event_type}"

    def secrets(self) -> frozenset[str]:
        """Return every secret in this event, to be kept out of logs and tracebacks."""
        if self._received and not may_hold_secrets(self._received):
            return frozenset()
        return frozenset(secrets_in(self))

    def __repr_args__(self) -> Iterator[tuple[str, Any]]:
        named_by_class, secrets = is_of_one_type(type(self)), self.secrets()
        for name, value in super().__repr_args__():
            if name == "event_type" and named_by_class:
                continue
            unknown = name not in type(self).model_fields
            yield hide(name, secrets) if unknown else name, _without(secrets, value)


def is_of_one_type(cls: type[SeamEvent]) -> bool:
    """Tell whether this is the class of one type of event, and not a base of several."""
    return get_origin(cls.model_fields["event_type"].annotation) is Literal


class Issue(SeamModel):
    """What keeps something from working, or may soon."""

    created_at: Promised[Time] = None
    message: Promised[str] = None


class SeamError(Issue):
    """What keeps an access code, a device, an account or an access system from working."""

    error_code: Promised[str] = None


class SeamWarning(Issue):
    """What may soon keep an access code, a device, an account or an access system from working."""

    warning_code: Promised[str] = None


class InAccount(SeamEvent):
    """A part of events that happen in a connected account."""

    connected_account_id: Promised[str] = None
    connected_account_custom_metadata: Metadata | None = None


class OnDevice(InAccount):
    """A part of events that happen to a device."""

    device_id: str
    device_custom_metadata: Metadata | None = None


class ForCustomer(SeamEvent):
    """A part of events on resources that can belong to a customer of the workspace."""

    customer_key: str | None = None


class WithAccountIssues(SeamEvent):
    """A part of events that tell what is wrong with the connected account."""

    connected_account_errors: Promised[list[SeamError]] = None
    connected_account_warnings: Promised[list[SeamWarning]] = None


class WithDeviceIssues(WithAccountIssues):
    """A part of events that tell what is wrong with the device and its account."""

    device_errors: Promised[list[SeamError]] = None
    device_warnings: Promised[list[SeamWarning]] = None


class WithAccessCodeIssues(WithDeviceIssues):
    """A part of events that tell what is wrong with the access code, its device and its account."""

    access_code_errors: Promised[list[SeamError]] = None
    access_code_warnings: Promised[list[SeamWarning]] = None
