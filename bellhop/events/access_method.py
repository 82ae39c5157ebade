"""Events of access methods: the codes, cards and mobile keys through which a grant is used."""

from typing import Literal

from bellhop.events.base import SeamEvent
from bellhop.events.fields import Promised


class AccessMethodEvent(SeamEvent):
    """Something happened to an access method."""

    access_method_id: str
    access_grant_ids: Promised[list[str]] = None
    access_grant_keys: list[str] | None = None


class AccessMethodCreatedEvent(AccessMethodEvent):
    """An access method was created; it does not open a door yet."""

    event_type: Literal["access_method.created"]


class AccessMethodCardEncodingRequiredEvent(AccessMethodEvent):
    """Somebody has to encode a card."""

    event_type: Literal["access_method.card_encoding_required"]


class AccessMethodIssuedEvent(AccessMethodEvent):
    """The access method is ready to be used."""

    event_type: Literal["access_method.issued"]
    code: str | None = None
    is_backup_code: bool | None = None


class AccessMethodReissuedEvent(AccessMethodEvent):
    """The access method was issued again, perhaps with another code."""

    event_type: Literal["access_method.reissued"]
    code: str | None = None
    is_backup_code: bool | None = None


class AccessMethodDelayInIssuingEvent(AccessMethodEvent):
    """Issuing takes longer than it should."""

    event_type: Literal["access_method.delay_in_issuing"]


class AccessMethodFailedToIssueEvent(AccessMethodEvent):
    """The access method could not be issued."""

    event_type: Literal["access_method.failed_to_issue"]


class AccessMethodRevokedEvent(AccessMethodEvent):
    """The access method opens no door any more."""

    event_type: Literal["access_method.revoked"]


class AccessMethodDeletedEvent(AccessMethodEvent):
    """The access method was deleted."""

    event_type: Literal["access_method.deleted"]
