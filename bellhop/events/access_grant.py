"""Events of access grants: who may pass which doors, and when."""

from typing import Literal

from bellhop.events.base import SeamEvent
from bellhop.events.fields import Promised


class AccessGrantEvent(SeamEvent):
    """Something happened to an access grant."""

    access_grant_id: str


class AccessGrantCreatedEvent(AccessGrantEvent):
    """Access was granted."""

    event_type: Literal["access_grant.created"]


class AccessGrantDeletedEvent(AccessGrantEvent):
    """The grant was taken back."""

    event_type: Literal["access_grant.deleted"]


class AccessGrantAccessGrantedToDoorEvent(AccessGrantEvent):
    """The grant has taken effect at one of its doors."""

    event_type: Literal["access_grant.access_granted_to_door"]
    acs_entrance_id: Promised[str] = None


class AccessGrantAccessGrantedToAllDoorsEvent(AccessGrantEvent):
    """The grant has taken effect at all of its doors."""

    event_type: Literal["access_grant.access_granted_to_all_doors"]


class AccessGrantAccessToDoorLostEvent(AccessGrantEvent):
    """The grant no longer opens one of its doors."""

    event_type: Literal["access_grant.access_to_door_lost"]
    acs_entrance_id: Promised[str] = None


class AccessGrantAccessTimesChangedEvent(AccessGrantEvent):
    """The grant begins or ends at another time."""

    event_type: Literal["access_grant.access_times_changed"]
    access_grant_key: str | None = None
    starts_at: str | None = None
    ends_at: str | None = None


class AccessGrantCouldNotCreateRequestedAccessMethodsEvent(AccessGrantEvent):
    """The codes, cards or mobile keys that the grant asks for could not be made."""

    event_type: Literal["access_grant.could_not_create_requested_access_methods"]
    error_message: Promised[str] = None
    missing_device_ids: list[str] | None = None
