"""Events of spaces: the rooms and flats that devices and entrances belong to."""

from typing import Literal

from bellhop.events.base import SeamEvent
from bellhop.events.fields import Promised


class SpaceEvent(SeamEvent):
    """Something happened to a space."""

    space_id: str
    space_key: str | None = None
    device_ids: Promised[list[str]] = None
    acs_entrance_ids: Promised[list[str]] = None


class SpaceCreatedEvent(SpaceEvent):
    """A space was created."""

    event_type: Literal["space.created"]


class SpaceDeviceMembershipChangedEvent(SpaceEvent):
    """Devices or entrances were added to a space or taken from it."""

    event_type: Literal["space.device_membership_changed"]


class SpaceDeletedEvent(SpaceEvent):
    """A space was deleted."""

    event_type: Literal["space.deleted"]
