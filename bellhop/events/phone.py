"""Events of phones that hold mobile keys."""

from typing import Literal

from bellhop.events.base import SeamEvent
from bellhop.events.fields import Metadata


class PhoneEvent(SeamEvent):
    """Something happened to a phone, which is a device to Seam."""

    device_id: str
    device_custom_metadata: Metadata | None = None


class PhoneDeactivatedEvent(PhoneEvent):
    """A phone was deactivated; its mobile keys open no door any more."""

    event_type: Literal["phone.deactivated"]
