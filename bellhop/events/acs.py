"""Events of access systems (ACS): their entrances, users, credentials, groups and encoders."""

from typing import Literal

from bellhop.events.base import SeamError, SeamEvent, SeamWarning, WithAccountIssues
from bellhop.events.fields import Promised


class AcsEvent(SeamEvent):
    """Something happened in an access system."""

    acs_system_id: Promised[str] = None
    connected_account_id: str | None = None


class AcsSystemEvent(AcsEvent):
    """Something happened to an access system itself."""

    acs_system_id: str


class AcsSystemAddedEvent(AcsSystemEvent):
    """Seam found an access system in a connected account."""

    event_type: Literal["acs_system.added"]


class AcsSystemConnectedEvent(AcsSystemEvent):
    """Seam reaches the access system."""

    event_type: Literal["acs_system.connected"]


class AcsSystemDisconnectedEvent(AcsSystemEvent, WithAccountIssues):
    """Seam no longer reaches the access system."""

    event_type: Literal["acs_system.disconnected"]
    acs_system_errors: Promised[list[SeamError]] = None
    acs_system_warnings: Promised[list[SeamWarning]] = None


class AcsAccessGroupEvent(AcsEvent):
    """Something happened to a group of users with the same access."""

    acs_access_group_id: str


class AcsAccessGroupDeletedEvent(AcsAccessGroupEvent):
    """An access group was deleted."""

    event_type: Literal["acs_access_group.deleted"]


class AcsCredentialEvent(AcsEvent):
    """Something happened to a user's credential."""

    acs_credential_id: str


class AcsCredentialIssuedEvent(AcsCredentialEvent):
    """A credential was issued."""

    event_type: Literal["acs_credential.issued"]


class AcsCredentialReissuedEvent(AcsCredentialEvent):
    """A credential was issued again."""

    event_type: Literal["acs_credential.reissued"]


class AcsCredentialInvalidatedEvent(AcsCredentialEvent):
    """A credential is no longer valid."""

    event_type: Literal["acs_credential.invalidated"]


class AcsCredentialDeletedEvent(AcsCredentialEvent):
    """A credential was deleted."""

    event_type: Literal["acs_credential.deleted"]


class AcsEncoderEvent(AcsEvent):
    """Something happened to an encoder, which writes cards."""

    acs_encoder_id: str


class AcsEncoderAddedEvent(AcsEncoderEvent):
    """An encoder was added to the access system."""

    event_type: Literal["acs_encoder.added"]


class AcsEncoderRemovedEvent(AcsEncoderEvent):
    """An encoder was removed from the access system."""

    event_type: Literal["acs_encoder.removed"]


class AcsEntranceEvent(AcsEvent):
    """Something happened to an entrance."""

    acs_entrance_id: str


class AcsEntranceAddedEvent(AcsEntranceEvent):
    """An entrance was added to the access system."""

    event_type: Literal["acs_entrance.added"]


class AcsEntranceRemovedEvent(AcsEntranceEvent):
    """An entrance was removed from the access system."""

    event_type: Literal["acs_entrance.removed"]


class AcsUserEvent(AcsEvent):
    """Something happened to a user of an access system."""

    acs_user_id: str


class AcsUserCreatedEvent(AcsUserEvent):
    """A user was added to the access system."""

    event_type: Literal["acs_user.created"]


class AcsUserDeletedEvent(AcsUserEvent):
    """A user was deleted from the access system."""

    event_type: Literal["acs_user.deleted"]
