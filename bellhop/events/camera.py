"""Events of cameras."""

from typing import Any, Literal

from bellhop.events.base import ForCustomer, OnDevice
from bellhop.events.fields import Nullable, OneOf, Promised


class CameraEvent(OnDevice, ForCustomer):
    """Something happened to a camera."""


class CameraActivatedEvent(CameraEvent):
    """A camera began to record."""

    event_type: Literal["camera.activated"]
    activation_reason: Promised[OneOf[Literal["motion_detected"]]] = None
    motion_sub_type: OneOf[Literal["human", "other", "package", "vehicle"]] | None = None
    image_url: str | None = None
    video_url: str | None = None
    media_ids: Nullable[Any] = None
